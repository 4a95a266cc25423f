"""Stores of sentence vectors, on disk or in memory: an encoder encodes each text once."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters_hub.folders import cache_folder, sha256, write_file
from adapters_hub.texts import canonical, text_key

logger = logging.getLogger(__name__)


def default_root() -> Path:
    """The default folder for stores on disk: `vectors` in the project's cache folder."""
    return cache_folder() / "vectors"


class VectorStore:
    """The vectors of texts by one encoder, looked up by text or by key (`text_key`).

    A store on disk is a folder of `.npy` files. Each holds what one call of `add` was given and is memory-mapped when
    it is read. A file appears only when it is complete and is never changed, and its name is the SHA-256 of its
    content. So any number of processes may read and add at the same time, a killed process does no damage, and texts
    whose vectors were damaged later count as missing. The folder may be deleted at any time between runs.

    Args:
        encoder: everything that the vectors depend on; encoders with the same `repr` share a store.
        root: folder for the stores of all encoders; None: keep the vectors in memory.
    """

    def __init__(self, encoder: object, root: Path | None = None) -> None:
        name = hashlib.sha256(repr(encoder).encode()).hexdigest()[:32]
        self.folder = None if root is None else root / name
        self._parts: dict[str, _Part] = {}
        self._built: _Index | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and vectors."""
        return sum(part.keys.nbytes + part.vectors.nbytes for part in self._parts.values())

    def missing(self, texts: Iterable[str]) -> list[str]:
        """The texts without a vector, each once, in their order and in the form to encode: canonical and stripped."""
        self.refresh()
        found = {text_key(text): text for text in texts}
        _, known = self._index.find(np.array(list(found), dtype=np.int64))
        return [canonical(text.strip()) for text, there in zip(found.values(), known, strict=True) if not there]

    def add(self, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Store the vectors `[n, dim]` of texts, as float32.

        Raises:
            AdaptersHubError: the disk cannot take them.
        """
        rows = np.empty(len(texts), dtype=[("key", np.int64), ("vector", np.float32, vectors.shape[1:])])
        rows["key"] = [text_key(text) for text in texts]
        rows["vector"] = vectors
        if self.folder is None:
            self._include(f"{len(self._parts)}", rows)
            return
        content = io.BytesIO()
        np.save(content, rows)
        path = self.folder / f"{hashlib.sha256(content.getbuffer()).hexdigest()}.npy"
        with write_file(path) as file:
            file.write_bytes(content.getbuffer())
        self._open(path)

    def refresh(self) -> None:
        """Open the files that other processes have added, and delete damaged ones."""
        if self.folder is not None:
            for path in self.folder.glob("*.npy"):
                if path.stem not in self._parts:
                    self._open(path)

    def vectors(self, texts: Iterable[str]) -> np.ndarray:
        """Texts to vectors `[n, dim]`, float32.

        Raises:
            KeyError: a text has no vector.
        """
        return self[np.array([text_key(text) for text in texts], dtype=np.int64)]

    def __getitem__(self, keys: np.ndarray) -> np.ndarray:
        """Keys `[n]` to vectors `[n, dim]`, float32.

        Raises:
            KeyError: a text has no vector.
        """
        index = self._index
        places, known = index.find(keys)
        if not known.all():
            raise KeyError(f"no vector of the text with key {keys[int(np.argmin(known))]}")
        rows = index.rows[places]
        which = np.searchsorted(index.starts, rows, side="right") - 1
        gathered = np.empty((len(rows), index.vectors[0].shape[1] if index.vectors else 0), dtype=np.float32)
        for part in np.unique(which):
            here = which == part
            gathered[here] = index.vectors[part][rows[here] - index.starts[part]]
        return gathered

    @property
    def _index(self) -> _Index:
        if self._built is None:
            if self.folder is None and len(self._parts) > 1:  # many small parts would make every lookup slow
                keys, vectors = (np.concatenate(arrays) for arrays in zip(*self._parts.values(), strict=True))
                self._parts = {"0": _Part(keys, vectors)}
            # Several processes may have added the same text: the order of the names makes all of them read one vector.
            self._built = _Index.of([self._parts[name] for name in sorted(self._parts)])
        return self._built

    def _open(self, path: Path) -> None:
        try:
            whole = sha256(path) == path.stem
        except OSError:
            whole = False
        if whole:
            self._include(path.stem, np.load(path, mmap_mode="r"))
        else:
            logger.warning("%s is damaged: encoding its sentences again", path)
            with contextlib.suppress(OSError):
                path.unlink()

    def _include(self, name: str, rows: np.ndarray) -> None:
        self._parts[name] = _Part(rows["key"].copy(), rows["vector"])
        self._built = None


class _Part(NamedTuple):
    """Keys `[n]` and vectors `[n, dim]`."""

    keys: np.ndarray
    vectors: np.ndarray


class _Index(NamedTuple):
    """The sorted keys of several parts, and for each its row, counted over the parts; the first row of each part."""

    keys: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    vectors: list[np.ndarray]

    @classmethod
    def of(cls, parts: Sequence[_Part]) -> _Index:
        keys = np.concatenate([np.empty(0, np.int64), *(part.keys for part in parts)])
        rows = np.argsort(keys, kind="stable")
        starts = np.cumsum([0, *(len(part.keys) for part in parts)])
        return cls(keys[rows], rows, starts, [part.vectors for part in parts])

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The places of keys `[n]` in `self.keys`, and whether each is there."""
        places = np.searchsorted(self.keys, keys)
        known = places < len(self.keys)
        known[known] = self.keys[places[known]] == keys[known]
        return places, known
