"""From text to batches: tokenize once, order by (seed, epoch), collate so that a batch depends on its rows alone."""

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
from adapters_hub.texts import canonical
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

    The key is a hash of the text; `there` says whether the text is not empty; an empty text has no ids. Texts that are
    longer than `max_length` tokens are cut, and counted in the log. The result is an Arrow file on disk, memory-mapped.

    Args:
        data: the text.
        columns: that are tokenized.
        tokenizer: for them.
        prompt: text put before every text.
        max_length: tokens, those of the prompt and special ones included.
        what: the data's name in the log.
        only_keys: columns that get no ids: their vectors are looked up.
        languages: column to the language (ISO 639-3) whose tag its texts have, where the tokenizer has tags; by default
            the tokenizer's own.

    Raises:
        SettingsError: `max_length` leaves no room for text.
    """
    tokenizers = {column: for_language(tokenizer, (languages or {}).get(column)) for column in columns}
    own = max((len(one(prompt)["input_ids"]) for one in tokenizers.values()), default=0)
    if max_length <= own:
        raise SettingsError(
            f"max_length {max_length} leaves no room for {what} beside {own} tokens of prompt and frame"
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
    """How many texts were cut; one that a row has in two columns, as anchor and as positive, counts once."""
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
    """The name under which `datasets` keeps what a tokenizer makes of some data, once for equal settings.

    How the tokenizer cut and padded in its last call is no part of it.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str()) | {"truncation": None, "padding": None}
    return hashlib.sha256((repr((data._fingerprint, *settings)) + json.dumps(content)).encode()).hexdigest()[:32]


def text_key(text: str) -> int:
    """A hash of a text without the white space around it, 64 bits, equal for canonically equal texts."""
    plain = canonical(text.strip()).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(plain, digest_size=8).digest(), "little", signed=True)


class Rows(TorchDataset[dict[str, Any]]):
    """Rows of one or several datasets under running numbers.

    A number `n` beyond the total length stands for row `n % len` in a later epoch; it comes back as `draw`, so that
    whatever is drawn at random for a row (masks) depends on the seed, the row and the epoch alone: the same after a
    resume and on any number of processes. `row` is the row's number within its part, unless the data brings its own.
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
    """The order of the rows in an epoch, a function of (seed, epoch) alone.

    With several parts, blocks of `block` rows of one part alternate, so that every batch is of one kind; the blocks of
    each part are spread evenly. An epoch ends when each part was seen in full at least once; the shorter ones are
    repeated, freshly shuffled. Parts are cut to whole blocks; one that does not fill a block fills it with its rows
    again and again.

    Args:
        lengths: rows of each part.
        block: rows of one training step over all processes.
        seed: of the recipe.
        second_share: with two parts, the share of the blocks that come from the second.
        shares: with any number of parts, how the blocks are shared out: relative to each other (numbers of blocks will
            do), above 0, one for each part. By default `second_share` for two parts, equal shares for more.
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
        """Use the order of that epoch from the next iteration on."""
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
        """Which part a block is of: the last part's are spread over all, those before over the rest, and so on."""
        for part in range(len(self.lengths) - 1, 0, -1):
            share, whole = self._shares[part], self._sums[part]
            before = math.floor(index * share / whole)
            if math.floor((index + 1) * share / whole) > before:
                return part
            index -= before  # its place in the rest
        return 0

    def _lap(self, epoch: int, part: int, lap: int) -> np.ndarray:
        """All rows of a part, shuffled; of a short one as many times as fill a block."""
        random, length = np.random.default_rng([self.seed, epoch, part, lap]), self.lengths[part]
        return np.concatenate([random.permutation(length) for _ in range(max(math.ceil(self.block / length), 1))])


def usual_tokens_per_pass() -> int:
    """As many as the device computes well with: on a CPU activations should fit its cache."""
    return 2048 if PartialState().device.type == "cpu" else 16_384


def passes(token_ids: Sequence[Sequence[int]], tokens_per_pass: int, pad_id: int) -> list[dict[str, torch.Tensor]]:
    """Sort texts by length and pad them in passes (see `split_passes`).

    Returns:
        Passes with `input_ids` and `attention_mask` `[n, tokens]` and `rows` `[n]`, the texts' places.
    """
    order = sorted(range(len(token_ids)), key=lambda index: (len(token_ids[index]), index))
    made = []
    for part in split_passes([len(token_ids[index]) for index in order], tokens_per_pass):
        ids, mask = pad([token_ids[index] for index in order[part]], pad_id)
        made.append({"input_ids": ids, "attention_mask": mask, "rows": torch.tensor(order[part])})
    return made
