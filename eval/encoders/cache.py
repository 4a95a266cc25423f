"""Vectors in a store: an encoder encodes each sentence once, and an interrupted run loses at most one chunk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from adapters_hub.errors import AdaptersHubError
from adapters_hub.texts import is_missing, numbered
from adapters_hub.vector_store import VectorStore
from eval.encoders.encoder import Encoder, Role
from eval.errors import EvaluationError

_CHUNK = 512


class CachedEncoder:
    """An encoder with a store of its vectors for each of its fingerprints.

    Args:
        encoder: computes the vectors that are not stored.
        root: folder for the stores of all encoders, which several runs may share; None: store only in memory, while
            this object lives.
        show_progress: show a progress bar while sentences are encoded.
    """

    def __init__(self, encoder: Encoder, root: Path | None, show_progress: bool = False) -> None:
        self.encoder = encoder
        self.root = root
        self.show_progress = show_progress
        self.encoded = 0
        """Number of sentences that were not stored and had to be encoded."""
        self.seconds = 0.0
        """Seconds that encoding them took."""
        self._stores: dict[str, VectorStore] = {}

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
        fingerprint = self.encoder.fingerprint(language, across) + (f" {role}" if role else "")
        store = self._stores.setdefault(fingerprint, VectorStore(fingerprint, self.root))
        # Sorting by length keeps the padding within a chunk small.
        missing = sorted(store.missing(sentences), key=len)
        with tqdm(
            total=len(missing),
            unit="sentence",
            desc=f"encoding {language}",
            leave=False,
            disable=not (self.show_progress and missing),
        ) as progress:
            for start in range(0, len(missing), _CHUNK):
                chunk = missing[start : start + _CHUNK]
                begin = time.perf_counter()
                vectors = _checked(self.encoder.encode(chunk, language, across, role), chunk)
                self.seconds += time.perf_counter() - begin
                self.encoded += len(chunk)
                try:
                    store.add(chunk, vectors)
                except AdaptersHubError as error:
                    raise EvaluationError(f"{error}; free some space, or choose another --cache") from error
                progress.update(len(chunk))
        return store.vectors(sentences)

    def modules(self, languages: Sequence[str], across: bool) -> tuple[str, ...]:
        """Fingerprints of the modules that the vectors of these languages depend on, each once."""
        return tuple(dict.fromkeys(found for code in languages for found in self.encoder.modules(code, across)))

    def forget(self) -> None:
        """Drop the vectors in memory; those on disk stay."""
        self._stores.clear()


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
