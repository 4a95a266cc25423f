"""What can be scored: anything that turns sentences of a language into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Encoder(Protocol):
    """An encoder under evaluation.

    A comparison within a language and one across languages may use different vectors of the same sentence: `across`
    says which. Encoders without an alignment to switch on give the same for both.

    Attributes:
        name: for people, in tables.
        kind: `base`, `modules` or `aligned`, as cards call it.
    """

    name: str
    kind: str

    def languages(self) -> list[str] | None:
        """The languages it has vectors for; None: any."""

    def fingerprint(self, language: str, across: bool) -> str:
        """Of everything that the vectors of a language depend on; the key of the cache."""

    def modules(self, language: str, across: bool) -> tuple[str, ...]:
        """Fingerprints of the modules that the vectors of a language depend on."""

    def encode(self, sentences: Sequence[str], language: str, across: bool) -> np.ndarray:
        """Vectors `[n, dim]`, of any length."""

    def describe(self) -> dict[str, object]:
        """Plain facts for the results."""
