"""Rows and batches for masked language modelling: pack texts into blocks, and choose the tokens to predict."""

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

_TEXTS = 10_000  # texts joined at a time; only the last block of each group is not full


def pack(data: Dataset, tokenizer: PreTrainedTokenizerFast, prompt: str, max_length: int, what: str) -> Dataset:
    """Join the texts of the column `text`, in their order, into blocks of `max_length` tokens.

    A block looks like one tokenized text: the leading special tokens and the prompt, then sentences with the separator
    token between them, then the trailing special tokens. A sentence that does not fit continues in the next block.

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
    # Without a prompt there are special tokens only, and only a sample text shows which of them come before the text.
    start = max(own, default=0) or _before_text(tokenizer)
    before, after = frame.ids[:start], frame.ids[start:]
    room = max_length - len(before) - len(after)
    if room < 1:
        raise AdaptersHubError(f"la.max_length {max_length} leaves no room for text beside the prompt: increase it")

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
    """The number of special tokens before a text."""
    mask = tokenizer.backend_tokenizer.encode("a").special_tokens_mask
    return mask.index(0) if 0 in mask else 0


class MaskingCollator:
    """Batches for masked language modelling: of the chosen tokens 80 % are masked, 10 % replaced and 10 % kept.

    Masks depend on the seed and on each row's `draw` alone. Special tokens and the prompt at the start of a row are
    never chosen: they are the same in every row, so there is nothing to learn from predicting them. Elsewhere in a text
    the prompt's tokens are treated like all others.

    Source: Devlin et al. 2019, section 3.1.

    Args:
        tokenizer: gives the mask and padding ids and the special tokens.
        probability: share of the tokens that are chosen.
        seed: the recipe's seed.
        tokens_per_pass: see `trainer.data.batches.passes`; None for the device's default.
        prompt_tokens: number of tokens before the text in every row (see `prompt_length`).

    Returns (from a call):
        `passes` that hold `labels` `[n, tokens]` beside the ids (-100 where nothing is predicted), and `labels`
        `[chosen]`, the ids to predict in the order of the passes.
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
