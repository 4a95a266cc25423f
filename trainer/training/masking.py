"""Rows and batches for masked language modelling: blocks of text, and which of their tokens are predicted."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from adapters_hub.errors import AdaptersHubError
from trainer.data.batches import cache_key, passes, usual_tokens_per_pass

logger = logging.getLogger(__name__)

_TEXTS = 10_000  # are joined at a time: only the last block of so many is not full


def pack(data: Dataset, tokenizer: PreTrainedTokenizerFast, prompt: str, max_length: int, what: str) -> Dataset:
    """Join the texts of the column `text`, in their order, into blocks of `max_length` tokens.

    A block is what the tokenizer makes of one text: special tokens and prompt, once, then sentences with the separator
    token between them, then the special tokens of the end. A sentence that does not fit goes on in the next block.

    Returns:
        A dataset with the column `text_ids`: an Arrow file on disk, memory-mapped.

    Raises:
        AdaptersHubError: `max_length` leaves no room for text, or the tokenizer has no separator.
    """
    separator = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    if separator is None:
        raise AdaptersHubError("the base's tokenizer has neither a separator nor an end token: set la.packing to false")
    frame = tokenizer.backend_tokenizer.encode(prompt.rstrip())
    own = [place + 1 for place, is_special in enumerate(frame.special_tokens_mask) if not is_special]
    # Without a prompt the frame is special tokens alone, of which the last stands behind the text.
    start = max(own, default=0) or _before_text(tokenizer)
    before, after = frame.ids[:start], frame.ids[start:]
    room = max_length - len(before) - len(after)
    if room < 1:
        raise AdaptersHubError(f"la.max_length {max_length} leaves no room for text beside the prompt: set it to more")

    def run(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        encoded = tokenizer(batch["text"], add_special_tokens=False, return_attention_mask=False, verbose=False)
        stream = [index for ids in encoded["input_ids"] for index in (*ids, separator)][:-1]
        parts = [stream[place : place + room] for place in range(0, len(stream), room)]
        return {"text_ids": [[*before, *part, *after] for part in parts]}

    packed = data.map(
        run,
        batched=True,
        batch_size=_TEXTS,
        remove_columns=data.column_names,
        new_fingerprint=cache_key(data, tokenizer, "packed", prompt, max_length),
        desc=f"packing {what}",
    )
    logger.info("%s: %d texts in %d blocks of at most %d tokens", what, len(data), len(packed), max_length)
    return packed


def _before_text(tokenizer: PreTrainedTokenizerFast) -> int:
    """How many special tokens stand before a text."""
    mask = tokenizer.backend_tokenizer.encode("a").special_tokens_mask
    return mask.index(0) if 0 in mask else 0


class MaskingCollator:
    """Batches for masked language modelling: 80 % of the chosen tokens masked, 10 % replaced, 10 % left.

    Source: Devlin et al. 2019, section 3.1. Masks depend on the seed and on each row's `draw` alone. Special tokens and
    the prompt are never chosen: they are the same in every row, and there is nothing to learn from them. Where the
    prompt's tokens occur in a text they are tokens like any other, also to replace others with.

    Args:
        tokenizer: gives the mask and padding ids and which tokens are special.
        probability: share of the tokens that are chosen.
        seed: of the recipe.
        tokens_per_pass: see `trainer.data.batches.passes`; None: as many as suit the device.
        prompt_tokens: how many tokens at the start of every row are the prompt's (see `prompt_length`).

    Returns (from a call):
        `passes` with `labels` `[n, tokens]` beside their ids (-100: not predicted), and `labels` `[chosen]`: those that
        are predicted, in the order of the passes.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        probability: float,
        seed: int,
        tokens_per_pass: int | None = None,
        prompt_tokens: int = 0,
    ) -> None:
        self.mask_id = int(tokenizer.mask_token_id)  # type: ignore[arg-type]
        self.pad_id = int(tokenizer.pad_token_id)  # type: ignore[arg-type]
        self.special = np.array(sorted(set(tokenizer.all_special_ids)))
        self.ordinary = np.setdiff1d(np.arange(len(tokenizer)), self.special)
        self.probability = probability
        self.seed = seed
        self.tokens_per_pass = tokens_per_pass or usual_tokens_per_pass()
        self.prompt_tokens = prompt_tokens

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate rows of `Rows`."""
        masked = [self._mask(np.array(row["text_ids"]), row["draw"]) for row in rows]
        parts = passes([ids.tolist() for ids, _ in masked], self.tokens_per_pass, self.pad_id)
        for part in parts:
            part["labels"] = torch.full_like(part["input_ids"], -100)
            for place, row in enumerate(part["rows"].tolist()):
                targets = masked[row][1]
                part["labels"][place, : len(targets)] = torch.from_numpy(targets)
        labels = torch.cat([part["labels"][part["labels"] != -100] for part in parts])
        return {"passes": parts, "labels": labels}

    def _mask(self, ids: np.ndarray, draw: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng([self.seed, draw])
        own = np.arange(len(ids)) >= self.prompt_tokens
        open_places = np.flatnonzero(own & ~np.isin(ids, self.special))
        count = max(1, round(self.probability * len(open_places))) if len(open_places) else 0
        chosen = random.permutation(open_places)[:count]
        targets = np.full(len(ids), -100, dtype=np.int64)
        targets[chosen] = ids[chosen]
        fate = random.random(count)
        masked = ids.copy()
        masked[chosen[fate < 0.8]] = self.mask_id
        replaced = chosen[(fate >= 0.8) & (fate < 0.9)]
        masked[replaced] = random.choice(self.ordinary, len(replaced))
        return masked, targets
