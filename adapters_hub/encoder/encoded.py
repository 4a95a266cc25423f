"""The result of `encode` with `details=True`: vectors, and what is missing from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from adapters_hub.encoder.tokens import Tokens
from adapters_hub.texts import Texts


@dataclass(frozen=True)
class Encoded:
    """Sentence vectors, and the parts of each sentence that its vector does not represent.

    Attributes:
        vectors: the vectors, as `encode` returns them.
        unknown: for each sentence, the letters, signs or words that the vocabulary of its language cannot represent;
            any others in their place would give the same vector.
        cut: for each sentence, whether it was cut because it has too many tokens.
        missing: the numbers of the sentences that are empty or missing (see `empty` of `encode`); their vectors are
            NaN.
    """

    vectors: np.ndarray | torch.Tensor
    unknown: list[tuple[str, ...]]
    cut: list[bool]
    missing: list[int]

    @classmethod
    def of(cls, vectors: np.ndarray | torch.Tensor, texts: Texts, tokens: Sequence[Tokens]) -> Encoded:
        """The result for texts, from the vectors of all of them and the tokens of those that are present."""
        read = dict(zip(texts.places, tokens, strict=True))
        found = [read.get(number) for number in range(texts.count)]
        return cls(
            vectors,
            [one.unknown if one else () for one in found],
            [bool(one and one.cut) for one in found],
            [number for number, one in enumerate(found) if one is None],
        )
