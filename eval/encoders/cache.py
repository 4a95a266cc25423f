"""Vectors cached on disk: an encoder encodes each sentence once, and an interrupted run loses at most one chunk."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from adapters_hub.texts import canonical, is_missing, numbered
from eval.encoders.encoder import Encoder, Role
from eval.errors import EvaluationError

_CHUNK = 512
_QUESTIONS = 500  # variables in one SQL statement


class CachedEncoder:
    """An encoder with a cache of its vectors.

    The cache has one SQLite file per fingerprint of the encoder for a language, with the vector of each text. Several
    runs may share a file.

    Args:
        encoder: computes the vectors that are not cached.
        folder: folder of the cache; None: cache only in memory, while this object lives.
        show_progress: show a progress bar while sentences are encoded.
    """

    def __init__(self, encoder: Encoder, folder: Path | None, show_progress: bool = False) -> None:
        self.encoder = encoder
        self.folder = folder
        self.show_progress = show_progress
        self.encoded = 0
        """Number of sentences that were not cached and had to be encoded."""
        self.seconds = 0.0
        """Seconds that encoding them took."""
        self._memory: dict[str, dict[bytes, np.ndarray]] = {}

    def __call__(
        self, sentences: Sequence[str], language: str, across: bool = False, role: Role | None = None
    ) -> np.ndarray:
        """Return unit vectors `[n, dim]`, float32.

        Raises:
            EvaluationError: a sentence is empty, or its vector is zero or not finite; the message names the sentence.
        """
        if empty := [number for number, sentence in enumerate(sentences, start=1) if is_missing(sentence)]:
            raise EvaluationError(
                f"sentence {numbered(empty)} of {len(sentences)} in {language} is empty ({len(empty)} in all): "
                "the benchmark's data is damaged, fetch it again"
            )
        fingerprint = self.encoder.fingerprint(language, across)
        if role is not None:
            fingerprint = hashlib.sha256(f"{fingerprint} {role}".encode()).hexdigest()
        sentences = [canonical(sentence) for sentence in sentences]  # the same text for every encoder
        keys = [_key(sentence) for sentence in sentences]
        known = self._memory.setdefault(fingerprint, {})
        wanted = {key: sentence for key, sentence in zip(keys, sentences, strict=True) if key not in known}
        if wanted and self.folder is not None:
            known.update(self._read(fingerprint, list(wanted)))
            wanted = {key: sentence for key, sentence in wanted.items() if key not in known}
        if wanted:
            self._encode(
                fingerprint, wanted, known, lambda texts: self.encoder.encode(texts, language, across, role), language
            )
        return np.stack([known[key] for key in keys]) if keys else np.empty((0, 0), dtype=np.float32)

    def forget(self) -> None:
        """Drop the vectors in memory; those on disk stay."""
        self._memory.clear()

    def _encode(
        self,
        fingerprint: str,
        wanted: dict[bytes, str],
        known: dict[bytes, np.ndarray],
        encode: Callable[[list[str]], np.ndarray],
        language: str,
    ) -> None:
        # Sorting by length keeps the padding within a chunk small.
        items = sorted(wanted.items(), key=lambda item: len(item[1]))
        with tqdm(
            total=len(items), unit="sentence", desc=f"encoding {language}", leave=False, disable=not self.show_progress
        ) as progress:
            for start in range(0, len(items), _CHUNK):
                chunk = items[start : start + _CHUNK]
                begin = time.perf_counter()
                vectors = _checked(encode([sentence for _, sentence in chunk]), [sentence for _, sentence in chunk])
                self.seconds += time.perf_counter() - begin
                self.encoded += len(chunk)
                rows = {key: vector for (key, _), vector in zip(chunk, vectors, strict=True)}
                known.update(rows)
                if self.folder is not None:
                    self._write(fingerprint, rows)
                progress.update(len(chunk))

    def _read(self, fingerprint: str, keys: list[bytes]) -> dict[bytes, np.ndarray]:
        found: dict[bytes, np.ndarray] = {}
        with self._opened(fingerprint) as database:
            for start in range(0, len(keys), _QUESTIONS):
                part = keys[start : start + _QUESTIONS]
                marks = ",".join("?" * len(part))
                for key, blob in database.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", part):
                    found[key] = np.frombuffer(blob, dtype=np.float32)
        return found

    def _write(self, fingerprint: str, rows: dict[bytes, np.ndarray]) -> None:
        with self._opened(fingerprint) as database, database:
            database.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?)", [(key, vector.tobytes()) for key, vector in rows.items()]
            )

    @contextmanager
    def _opened(self, fingerprint: str) -> Iterator[sqlite3.Connection]:
        assert self.folder is not None
        path = self.folder / f"{fingerprint[:32]}.sqlite"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=60)) as database:
                database.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")
                yield database
        except (OSError, sqlite3.Error) as error:
            raise EvaluationError(
                f"the cache of vectors {path} cannot be used ({error}): delete it or choose another --cache"
            ) from error


def _key(sentence: str) -> bytes:
    return hashlib.blake2b(sentence.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _checked(vectors: np.ndarray, sentences: list[str]) -> np.ndarray:
    """Normalise vectors to unit length in float32; refuse those that are zero or not finite."""
    values = np.asarray(vectors, dtype=np.float32)
    if values.ndim != 2 or len(values) != len(sentences):
        raise EvaluationError(
            f"the encoder gave an array of shape {values.shape} for {len(sentences)} sentences: expected "
            f"[{len(sentences)}, dim]"
        )
    norms = np.linalg.norm(values, axis=1)
    bad = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if len(bad):
        what = "zero" if norms[bad[0]] == 0 else "not finite"
        raise EvaluationError(
            f"the vector of {sentences[bad[0]]!r} is {what} ({len(bad)} such sentences): the encoder cannot be scored "
            "on them; check its weights and precision"
        )
    unit: np.ndarray = values / norms[:, None]
    return unit
