"""What `encode` gives with `details=True`: vectors, and what they do not hold of the sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Encoded:
    """Sentence vectors, and what of each sentence is not in its vector.

    Attributes:
        vectors: as `encode` gives them.
        unknown: of each sentence the letters, signs or words that the vocabulary of its language cannot write: the
            vector is the same whatever stands in their place.
        cut: of each sentence whether it has more tokens than are read.
        missing: the numbers of the sentences that are empty or missing (see `empty` of `encode`); their vectors are
            NaN.
    """

    vectors: np.ndarray | torch.Tensor
    unknown: list[tuple[str, ...]]
    cut: list[bool]
    missing: list[int]
