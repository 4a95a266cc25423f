"""Vectors of frozen encoders, stored on disk: each text is encoded once for all languages, objectives and runs.

A pivot or teacher is frozen, so its vectors are constants. It is not part of the trained model, where dropout or an
optimizer could affect it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import PartialState

from adapters_hub import BaseEncoder, ModularEncoder
from adapters_hub.folders import cache_folder, sha256, write_folder
from trainer.data.batches import text_key
from trainer.training.machines import writes_to

logger = logging.getLogger(__name__)

_SUM = "sha256"
_CHUNK = 20_000
"""Number of texts that are encoded and written together; a killed run loses at most these."""


@dataclass(frozen=True)
class FrozenEncoder:
    """A frozen encoder and everything that its vectors depend on.

    Attributes:
        name: its name in the log.
        identity: everything that its vectors depend on; the encoder's fingerprint comes first.
        encode: function from texts to unit vectors `[n, dim]`.
        facts: its description for manifest and card.
    """

    name: str
    identity: tuple[str, ...]
    encode: Callable[[list[str]], np.ndarray]
    facts: dict[str, Any] = field(default_factory=dict)


def modular_copy(base: BaseEncoder) -> ModularEncoder:
    """An encoder on a copy of the base, for a pivot or a teacher; in bfloat16 if training uses bfloat16."""
    half = os.environ.get("ACCELERATE_MIXED_PRECISION") == "bf16"
    return ModularEncoder(base.copy(), dtype="bfloat16" if half else "float32")


def frozen_language(
    encoder: ModularEncoder, language: str | None, max_length: int, base_language: str | None = None
) -> FrozenEncoder:
    """A frozen encoder for one language of a modular encoder, or for its untouched base.

    Args:
        encoder: an encoder that has the language.
        language: ISO 639-3; None for the base.
        max_length: number of tokens after which texts are cut, the same as on the trained side.
        base_language: language of the texts that the base encodes; see `ModularEncoder.encode`.
    """
    max_length = min(max_length, encoder.base.max_positions)

    def encode(texts: list[str]) -> np.ndarray:
        return encoder.encode(
            texts, language, base_language=base_language, max_length=max_length, show_progress=len(texts) > 1000
        )

    fingerprints = encoder.fingerprints(language, base_language=base_language)
    return FrozenEncoder(
        name=language or f"the base {encoder.base.source}",
        identity=(*fingerprints, str(encoder.dtype), str(max_length)),
        encode=encode,
    )


class KeptVectors:
    """Unit vectors of texts, computed by a frozen encoder, kept on disk and memory-mapped.

    They are stored in folders `FOLDER/<name>/`, each with `keys.npy` `[n]` (from `text_key`) and `vectors.npy`
    `[n, dim]`, float32. A folder appears only when it is complete and is never changed, so any number of runs may read
    and add vectors at the same time.

    Args:
        encoder: the encoder that computes missing vectors.
        root: folder for the vectors of all encoders; by default `frozen` in the project's cache folder. Its content may
            be deleted at any time between runs.
    """

    def __init__(self, encoder: FrozenEncoder, root: Path | None = None) -> None:
        self.encoder = encoder
        name = hashlib.sha256(repr(encoder.identity).encode()).hexdigest()[:32]
        self.folder = (root or cache_folder() / "frozen") / name

    def add(self, texts: Iterable[str]) -> int:
        """Encode the texts whose vectors are missing, on one process per disk; the other processes wait.

        Empty texts are left out.

        Returns:
            The number of encoded texts (0 on the waiting processes).
        """
        count = 0
        if writes_to(self.folder):
            self._delete_damaged()
            known = set(_keys(self._shards()).tolist())
            missing = {key: text for text in texts if text.strip() and (key := text_key(text)) not in known}
            count = len(missing)
            if missing:
                logger.info("%s: encoding %d sentences", self.encoder.name, count)
            items = list(missing.items())
            for start in range(0, count, _CHUNK):
                self._write(items[start : start + _CHUNK])
        PartialState().wait_for_everyone()
        return count

    def read(self) -> Vectors:
        """All vectors that are stored now."""
        shards = self._shards()
        return Vectors([np.load(shard / "vectors.npy", mmap_mode="r") for shard in shards], _keys(shards))

    def _shards(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*") if not path.name.startswith("."))

    def _delete_damaged(self) -> None:
        """Delete folders that were damaged since they were written; their texts are encoded again."""
        for shard in self._shards():
            try:
                whole = (shard / _SUM).read_text(encoding="utf-8") == _sum(shard)
            except (OSError, ValueError):
                whole = False
            if not whole:
                logger.warning("%s is damaged: encoding its sentences again", shard)
                shutil.rmtree(shard)

    def _write(self, items: list[tuple[int, str]]) -> None:
        keys = np.array([key for key, _ in items], dtype=np.int64)
        vectors = self.encoder.encode([text for _, text in items])
        with write_folder(self.folder / hashlib.sha256(keys.tobytes()).hexdigest()[:16], replace=True) as folder:
            np.save(folder / "vectors.npy", vectors.astype(np.float32, copy=False))
            np.save(folder / "keys.npy", keys)
            (folder / _SUM).write_text(_sum(folder), encoding="utf-8")


def _sum(shard: Path) -> str:
    return " ".join(sha256(shard / name) for name in ("vectors.npy", "keys.npy"))


def _keys(shards: list[Path]) -> np.ndarray:
    return np.concatenate([np.load(shard / "keys.npy") for shard in shards] or [np.empty(0, np.int64)])


class Vectors:
    """Memory-mapped vectors, looked up by the keys of their texts.

    Args:
        parts: arrays `[n, dim]`.
        keys: the keys `[n]` of all parts, in their order.
    """

    def __init__(self, parts: list[np.ndarray], keys: np.ndarray) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def __getitem__(self, keys: np.ndarray) -> np.ndarray:
        """Keys `[n]` to vectors `[n, dim]`, float32.

        Raises:
            KeyError: a text was never encoded.
        """
        places = np.searchsorted(self._keys, keys)
        known = np.zeros(len(keys), dtype=bool)
        known[places < len(self._keys)] = True
        known[known] = self._keys[places[known]] == keys[known]
        if not known.all():
            raise KeyError(f"no vector of the text with key {keys[int(np.argmin(known))]}")
        rows = self._order[places]
        which = np.searchsorted(self._starts, rows, side="right") - 1
        gathered = np.empty((len(rows), self._parts[0].shape[1] if self._parts else 0), dtype=np.float32)
        for part in np.unique(which):
            here = which == part
            gathered[here] = self._parts[part][rows[here] - self._starts[part]]
        return gathered


class Together:
    """Vectors of several frozen encoders, concatenated so that their similarities are the mean of the encoders'.

    Args:
        several: vectors from `KeptVectors.read`, of unit length.
    """

    def __init__(self, several: list[Vectors]) -> None:
        self._several = several

    def __getitem__(self, keys: np.ndarray) -> np.ndarray:
        """Keys `[n]` to unit vectors `[n, sum of the dims]`, float32."""
        together: np.ndarray = np.concatenate([vectors[keys] for vectors in self._several], axis=1)
        return together / np.float32(np.sqrt(len(self._several)))
