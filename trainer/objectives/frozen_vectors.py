"""Vectors of frozen encoders on disk: a text is encoded once for all languages, objectives and runs.

A pivot or teacher is frozen, so its vectors are constants: nothing of it is part of the trained model, where dropout or
an optimizer could reach it.
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
"""Texts that are encoded and written in one go: what a killed run loses at most."""


@dataclass(frozen=True)
class FrozenEncoder:
    """An encoder that stands still, and what its vectors depend on.

    Attributes:
        name: for the log.
        identity: of everything that its vectors depend on; first the fingerprint of the encoder.
        encode: texts to unit vectors `[n, dim]`.
        facts: what it is, for manifest and card.
    """

    name: str
    identity: tuple[str, ...]
    encode: Callable[[list[str]], np.ndarray]
    facts: dict[str, Any] = field(default_factory=dict)


def modular_copy(base: BaseEncoder) -> ModularEncoder:
    """An encoder over a copy of the base, for a pivot or a teacher: in bfloat16 where the launcher lets training be."""
    half = os.environ.get("ACCELERATE_MIXED_PRECISION") == "bf16"
    return ModularEncoder(base.copy(), dtype="bfloat16" if half else "float32")


def frozen_language(
    encoder: ModularEncoder, language: str | None, max_length: int, base_language: str | None = None
) -> FrozenEncoder:
    """A language of an encoder, or its untouched base.

    Args:
        encoder: that has the language.
        language: ISO 639-3; None: the base.
        max_length: tokens at which a text is cut, as the trained side's are.
        base_language: of the texts that the base encodes; see `ModularEncoder.encode`.
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
    """Unit vectors of texts by a frozen encoder, memory-mapped.

    They lie in `FOLDER/<name>/`, each folder with `keys.npy` `[n]` (from `text_key`) and `vectors.npy` `[n, dim]`,
    float32. A folder appears when it is complete and is never changed, so any number of runs may read and add.

    Args:
        encoder: computes what is not there.
        root: where the vectors of all encoders lie; None: `frozen` in the cache folder of the project. Whatever is in
            it may be deleted.
    """

    def __init__(self, encoder: FrozenEncoder, root: Path | None = None) -> None:
        self.encoder = encoder
        name = hashlib.sha256(repr(encoder.identity).encode()).hexdigest()[:32]
        self.folder = (root or cache_folder() / "frozen") / name

    def add(self, texts: Iterable[str]) -> int:
        """Encode the texts that are not there yet, on one process for each disk; the others wait.

        Empty texts are left out.

        Returns:
            How many there were (0 on the other processes).
        """
        count = 0
        if writes_to(self.folder):
            self._delete_damaged()
            known = set(_keys(self._shards()).tolist())
            missing = {key: text for text in texts if text.strip() and (key := text_key(text)) not in known}
            count = len(missing)
            if missing:
                logger.info("%s encodes %d sentences once", self.encoder.name, count)
            items = list(missing.items())
            for start in range(0, count, _CHUNK):
                self._write(items[start : start + _CHUNK])
        PartialState().wait_for_everyone()
        return count

    def read(self) -> Vectors:
        """All that is there now."""
        shards = self._shards()
        return Vectors([np.load(shard / "vectors.npy", mmap_mode="r") for shard in shards], _keys(shards))

    def _shards(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*") if not path.name.startswith("."))

    def _delete_damaged(self) -> None:
        """Delete what is no longer as it was written: its texts are encoded again."""
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
    """Memory-mapped vectors by the keys of their texts.

    Args:
        parts: arrays `[n, dim]`.
        keys: `[n]` over all parts, in their order.
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
    """Several frozen encoders side by side: similarities are the mean of theirs.

    Args:
        several: from `KeptVectors.read`; all unit vectors.
    """

    def __init__(self, several: list[Vectors]) -> None:
        self._several = several

    def __getitem__(self, keys: np.ndarray) -> np.ndarray:
        """Keys `[n]` to vectors `[n, sum of the dims]`, of unit length, float32."""
        together: np.ndarray = np.concatenate([vectors[keys] for vectors in self._several], axis=1)
        return together / np.float32(np.sqrt(len(self._several)))
