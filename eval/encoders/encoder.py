"""The protocol of encoders that can be scored: anything that turns sentences of a language into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

Role = Literal["query", "document"]
"""What a text is in retrieval; many encoders put another prompt before queries than before documents."""


class Encoder(Protocol):
    """An encoder under evaluation.

    A comparison within a language and a cross-lingual one may use different vectors of the same sentence: `across` is
    True for a cross-lingual comparison. Encoders without alignment return the same vectors for both.

    Attributes:
        name: display name, used in tables.
        kind: `base`, `modules` or `aligned`, as on module cards.
    """

    name: str
    kind: str

    def languages(self) -> list[str] | None:
        """The languages that the encoder supports; None: any."""
        return None

    def fingerprint(self, language: str, across: bool) -> str:
        """Fingerprint of everything that the vectors of a language depend on; the key of the cache."""

    def modules(self, language: str, across: bool) -> tuple[str, ...]:
        """Fingerprints of the modules that the vectors of a language depend on, if the encoder has any."""
        return ()

    def encode(self, sentences: Sequence[str], language: str, across: bool, role: Role | None = None) -> np.ndarray:
        """Vectors `[n, dim]`, not necessarily of unit length; texts without a role are compared with each other."""

    def describe(self) -> dict[str, object]:
        """Facts about the encoder that are stored with the results, as JSON values."""
