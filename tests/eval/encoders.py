"""Encoders without a network, whose figures are known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from eval.benchmarks import find_benchmarks
from eval.results import Result
from eval.run import Run, run


class Letters:
    """Counts of 256 character classes as vectors; `change` may alter them, as an alignment would."""

    kind = "base"

    def __init__(
        self,
        name: str = "letters",
        languages: list[str] | None = None,
        change: Callable[[np.ndarray, str, bool], np.ndarray] = lambda vectors, language, across: vectors,
    ) -> None:
        self.name, self._languages, self._change = name, languages, change
        self.calls: list[tuple[str, bool, tuple[str, ...]]] = []

    def languages(self) -> list[str] | None:
        return self._languages

    def fingerprint(self, language: str, across: bool) -> str:
        return hashlib.sha256(f"{self.name}{language}{across}".encode()).hexdigest()

    def modules(self, language: str, across: bool) -> tuple[str, ...]:
        return ()

    def encode(self, sentences: Sequence[str], language: str, across: bool, role: str | None = None) -> np.ndarray:
        self.calls.append((language, across, tuple(sentences)))
        vectors = np.zeros((len(sentences), 256), dtype=np.float32)
        for row, sentence in enumerate(sentences):
            for character in sentence.lower():
                vectors[row, ord(character) % 256] += 1
        return self._change(vectors, language, across)

    def describe(self) -> dict[str, object]:
        return {"what": "letters"}


def scored(encoder: object, benchmark: str, folder: Path, data: Path | None = None, **settings: object) -> Result:
    """The result of an encoder on one benchmark, with a small bootstrap."""
    values = {"split": "dev", "output": folder, "resamples": 50, "data": data} | settings
    (result,) = run([encoder], Run(benchmarks=find_benchmarks([benchmark]), **values)).results  # type: ignore[list-item, arg-type]
    return result
