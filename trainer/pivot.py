"""Vectors of frozen encoders on disk: a text is encoded once for all languages, objectives and runs.

A pivot or teacher is frozen, so its vectors are constants: nothing of it is part of the trained model, where dropout or
an optimizer could reach it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from accelerate import PartialState
from datasets import Dataset

from adapters_hub import BaseEncoder, ModularEncoder
from adapters_hub.folders import cache_folder, write_folder
from trainer.batches import text_key
from trainer.runs import own_copy

logger = logging.getLogger(__name__)

_CHUNK = 20_000
"""Texts that are encoded and written in one go: what a killed run loses at most."""


def frozen_encoder(base: BaseEncoder) -> ModularEncoder:
    """An encoder over a copy of the base, for a pivot or a teacher: in bfloat16 where the launcher lets training be."""
    half = os.environ.get("ACCELERATE_MIXED_PRECISION") == "bf16"
    return ModularEncoder(own_copy(base), dtype="bfloat16" if half else "float32")


class KeptVectors:
    """Unit vectors of texts by one encoder in one language, memory-mapped.

    They lie in `FOLDER/<name>/`, each folder with `keys.npy` `[n]` (from `text_key`) and `vectors.npy` `[n, dim]`,
    float32. A folder appears when it is complete and is never changed, so any number of runs may read and add.

    Args:
        encoder: computes what is not there.
        language: of the texts; None: the untouched base.
        base_language: of the texts, where the untouched base encodes them.
        root: where the vectors of all encoders lie; None: `pivot` in the cache folder of the project. Whatever is in
            it may be deleted.
    """

    def __init__(
        self,
        encoder: ModularEncoder,
        language: str | None,
        base_language: str | None = None,
        root: Path | None = None,
    ) -> None:
        self.encoder = encoder
        self.language = language
        self.base_language = base_language
        which = repr((encoder.fingerprints(language, base_language=base_language), str(encoder.dtype)))
        name = hashlib.sha256(which.encode()).hexdigest()[:32]
        self.folder = (root or cache_folder() / "pivot") / name

    def add(self, texts: Iterable[str]) -> int:
        """Encode the texts that are not there yet, on the main process; the others wait.

        Returns:
            How many there were (0 on the other processes).
        """
        state = PartialState()
        count = 0
        if state.is_main_process:
            known = set(_keys(self._shards()).tolist())
            missing = {key: text for text in texts if (key := text_key(text)) not in known}
            count = len(missing)
            if missing:
                logger.info("%d sentences of %s are encoded once", count, self.language or "the base")
            items = list(missing.items())
            for start in range(0, count, _CHUNK):
                self._write(items[start : start + _CHUNK])
        state.wait_for_everyone()
        return count

    def of(self, keys: np.ndarray) -> Vectors:
        """The vectors of texts by their keys `[n]`."""
        shards = self._shards()
        stored = _keys(shards)
        order = np.argsort(stored, kind="stable")
        places = np.full(len(keys), -1, dtype=np.int64)
        if len(stored):
            found = np.searchsorted(stored, keys, sorter=order).clip(max=len(stored) - 1)
            hit = stored[order[found]] == keys
            places[hit] = order[found[hit]]
        return Vectors([np.load(shard / "vectors.npy", mmap_mode="r") for shard in shards], places)

    def _shards(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*") if not path.name.startswith("."))

    def _write(self, items: list[tuple[int, str]]) -> None:
        keys = np.array([key for key, _ in items], dtype=np.int64)
        texts = [text for _, text in items]
        vectors = self.encoder.encode(
            texts, self.language, base_language=self.base_language, show_progress=len(texts) > 1000
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        with write_folder(self.folder / hashlib.sha256(keys.tobytes()).hexdigest()[:16], replace=True) as folder:
            np.save(folder / "vectors.npy", vectors.astype(np.float32, copy=False))
            np.save(folder / "keys.npy", keys)

    def of_rows(self, pairs: Dataset, column: str, parts: Iterable[Dataset | None], needed: Iterable[int]) -> Vectors:
        """The vectors of a column of pairs, encoded where they are missing.

        Args:
            pairs: the text.
            column: of it.
            parts: the same rows tokenized, with `<column>_key`, one after the other.
            needed: the rows that will be looked at.
        """
        self.add(pairs.select(sorted(needed))[column])
        keys = [part.with_format("numpy")[f"{column}_key"][:] for part in parts if part]
        return self.of(np.concatenate(keys))


def _keys(shards: list[Path]) -> np.ndarray:
    return np.concatenate([np.load(shard / "keys.npy") for shard in shards] or [np.empty(0, np.int64)])


class Vectors:
    """Rows of memory-mapped arrays as if of one array.

    Args:
        parts: arrays `[n, dim]`.
        places: `[rows]`, where each row is, counted over all parts; -1: nowhere.
    """

    def __init__(self, parts: list[np.ndarray], places: np.ndarray) -> None:
        self._parts = parts
        self._places = places
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """`[n, dim]`, float32.

        Raises:
            KeyError: a row was never encoded.
        """
        places = self._places[rows]
        if len(places) and places.min() < 0:
            raise KeyError(f"no vector of row {rows[int(places.argmin())]}")
        which = np.searchsorted(self._starts, places, side="right") - 1
        gathered = np.empty((len(places), self._parts[0].shape[1]), dtype=np.float32)
        for part in np.unique(which):
            here = which == part
            gathered[here] = self._parts[part][places[here] - self._starts[part]]
        return gathered
