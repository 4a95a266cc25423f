"""From text to batches: tokenize texts once, order rows by (seed, epoch), collate each batch from its rows alone."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from datasets import Dataset
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Sampler
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import for_language, tag_of
from adapters_hub.encoder import pad, split_passes
from adapters_hub.texts import text_key
from trainer.settings import SettingsError

logger = logging.getLogger(__name__)


def tokenize(
    data: Dataset,
    columns: Sequence[str],
    tokenizer: PreTrainedTokenizerFast,
    prompt: str,
    max_length: int,
    what: str,
    only_keys: Sequence[str] = (),
    languages: Mapping[str, str] | None = None,
) -> Dataset:
    """Replace each text column by `<column>_ids`, `<column>_key` and `<column>_there`.

    The key is a hash of the text. `there` is False for an empty text, which has no ids. Texts longer than `max_length`
    tokens are cut, and the log gives their number. The result is an Arrow file on disk, memory-mapped.

    Args:
        data: the rows.
        columns: the text columns to tokenize.
        tokenizer: the tokenizer for these columns.
        prompt: text put before every text.
        max_length: longest sequence in tokens, including the prompt and special tokens.
        what: the data's name in the log.
        only_keys: columns that get a key but no ids, because their vectors are looked up.
        languages: the language (ISO 639-3) of each column, for tokenizers that mark texts with a language tag; by
            default the tokenizer's own tag.

    Raises:
        SettingsError: `max_length` leaves no room for text.
    """
    tokenizers = {column: for_language(tokenizer, (languages or {}).get(column)) for column in columns}
    own = max((len(one(prompt)["input_ids"]) for one in tokenizers.values()), default=0)
    if max_length <= own:
        raise SettingsError(
            f"max_length {max_length} leaves no room for {what}: set it above the {own} prompt and special tokens"
        )

    def run(batch: dict[str, list[str]]) -> dict[str, list[Any]]:
        result: dict[str, list[Any]] = {}
        for column in columns:
            texts = [text.strip() if text else "" for text in batch[column]]
            encoded = tokenizers[column](
                [prompt + text for text in texts], truncation=True, max_length=max_length, return_attention_mask=False
            )
            result[f"{column}_ids"] = [
                ids if text else [] for ids, text in zip(encoded["input_ids"], texts, strict=True)
            ]
            result[f"{column}_cut"] = [bool(encoding.overflowing) for encoding in encoded.encodings or ()]
        for column in (*columns, *only_keys):
            result[f"{column}_key"] = [text_key(text or "") for text in batch[column]]
            result[f"{column}_there"] = [bool(text and text.strip()) for text in batch[column]]
        return result

    tags = {column: tag_of(one) for column, one in tokenizers.items()}
    tokenized = data.map(
        run,
        batched=True,
        remove_columns=data.column_names,
        new_fingerprint=cache_key(data, tokenizer, list(columns), list(only_keys), prompt, max_length, tags),
        desc=f"tokenizing {what}",
    )
    logger.info("%s: %d texts of more than %d tokens were cut", what, _count_cut(tokenized, columns), max_length)
    return tokenized.remove_columns([f"{column}_cut" for column in columns])


def _count_cut(tokenized: Dataset, columns: Sequence[str]) -> int:
    """The number of texts that were cut; a text that one row has in two columns counts once."""
    arrays = tokenized.with_format("numpy")
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    count = 0
    for column in columns:
        cut, keys = arrays[f"{column}_cut"][:], arrays[f"{column}_key"][:]
        fresh = cut.copy()
        for other_cut, other_keys in seen:
            fresh &= ~(other_cut & (other_keys == keys))
        count += int(fresh.sum())
        seen.append((cut, keys))
    return count


def cache_key(data: Dataset, tokenizer: PreTrainedTokenizerFast, *settings: object) -> str:
    """The cache key under which `datasets` stores the tokenized data; equal data, tokenizer and settings share it.

    The tokenizer's truncation and padding state, which its last call left behind, does not count.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str()) | {"truncation": None, "padding": None}
    return hashlib.sha256((repr((data._fingerprint, *settings)) + json.dumps(content)).encode()).hexdigest()[:32]


class Rows(TorchDataset[dict[str, Any]]):
    """The rows of one or several datasets (the parts), numbered consecutively.

    A number `n` beyond the total length stands for row `n % len` in a later epoch. It is returned as `draw`, so that
    random choices for a row, such as masks, depend only on the seed, the row and the epoch: they are the same after a
    resume and on any number of processes. `row` is the row's number within its part, unless the data has a column
    `row`.
    """

    def __init__(self, *parts: Dataset) -> None:
        self.parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, number: int) -> dict[str, Any]:
        row = number % len(self)
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        place = row - int(self._starts[part])
        return {"row": place, **self.parts[part][place], "part": part, "draw": number}


class Order(Sampler[int]):
    """The order of the rows in an epoch, which depends on (seed, epoch) alone.

    With several parts, blocks of `block` rows from a single part alternate, so that every batch is of one kind. The
    blocks of each part are spread evenly over the epoch. An epoch ends when every part was seen in full at least once;
    shorter parts are repeated, newly shuffled each time. Rows that do not fill a whole block are left out; a part
    smaller than one block repeats its rows to fill it.

    Args:
        lengths: number of rows of each part.
        block: rows of one training step over all processes.
        seed: the recipe's seed.
        second_share: share of the blocks that come from the second of two parts.
        shares: one positive number per part; blocks are divided among the parts in these proportions. By default
            `second_share` for two parts, and equal shares for more.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        block: int,
        seed: int,
        second_share: float = 0.5,
        shares: Sequence[float] | None = None,
    ) -> None:
        self.lengths = list(lengths)
        self.block = block
        self.seed = seed
        self.epoch = 0
        if shares is None:
            shares = [1 - second_share, second_share] if len(self.lengths) == 2 else [1] * len(self.lengths)
        self._shares = list(shares)
        self._sums = list(accumulate(self._shares))
        self._starts = [0, *accumulate(self.lengths)]
        self._blocks = [max(length // block, 1) for length in self.lengths]
        self._count = max(
            math.ceil(blocks * self._sums[-1] / share) for blocks, share in zip(self._blocks, self._shares, strict=True)
        )

    def set_epoch(self, epoch: int) -> None:
        """Use the order of this epoch from the next iteration on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._count * self.block if len(self.lengths) > 1 else self.lengths[0]

    def __iter__(self) -> Iterator[int]:
        return self._numbers(self.epoch)

    def numbers(self, epoch: int) -> list[int]:
        """The row numbers of one epoch, as `Rows` understands them."""
        return list(self._numbers(epoch))

    def _numbers(self, epoch: int) -> Iterator[int]:
        offset = epoch * sum(self.lengths)
        if len(self.lengths) == 1:
            yield from (offset + int(row) for row in self._lap(epoch, 0, 0)[: self.lengths[0]])
            return
        used = [0] * len(self.lengths)
        laps: dict[int, np.ndarray] = {}
        for index in range(self._count):
            part = self._part(index)
            lap, block = divmod(used[part], self._blocks[part])
            if block == 0:
                laps[part] = self._lap(epoch, part, lap)
            rows = laps[part][block * self.block : (block + 1) * self.block]
            yield from (offset + self._starts[part] + int(row) for row in rows)
            used[part] += 1

    def _part(self, index: int) -> int:
        """The part that a block is from; from the last part to the first, each spreads its blocks over those left."""
        for part in range(len(self.lengths) - 1, 0, -1):
            share, whole = self._shares[part], self._sums[part]
            before = math.floor(index * share / whole)
            if math.floor((index + 1) * share / whole) > before:
                return part
            index -= before  # the block's index among the remaining blocks
        return 0

    def _lap(self, epoch: int, part: int, lap: int) -> np.ndarray:
        """All rows of a part, shuffled; a part smaller than a block is repeated until it fills one."""
        random, length = np.random.default_rng([self.seed, epoch, part, lap]), self.lengths[part]
        return np.concatenate([random.permutation(length) for _ in range(max(math.ceil(self.block / length), 1))])


def usual_tokens_per_pass() -> int:
    """The default number of tokens per pass; on a CPU it is small enough for activations to fit the cache."""
    return 2048 if PartialState().device.type == "cpu" else 16_384


def passes(token_ids: Sequence[Sequence[int]], tokens_per_pass: int, pad_id: int) -> list[dict[str, torch.Tensor]]:
    """Sort texts by length, divide them into passes and pad each pass (see `split_passes`).

    Returns:
        Passes with `input_ids` and `attention_mask` `[n, tokens]`, and `rows` `[n]`, the texts' indices in `token_ids`.
    """
    order = sorted(range(len(token_ids)), key=lambda index: (len(token_ids[index]), index))
    made = []
    for part in split_passes([len(token_ids[index]) for index in order], tokens_per_pass):
        ids, mask = pad([token_ids[index] for index in order[part]], pad_id)
        made.append({"input_ids": ids, "attention_mask": mask, "rows": torch.tensor(order[part])})
    return made
