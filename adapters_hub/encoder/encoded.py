"""The result of `encode` with `details=True`: vectors, and what is missing from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


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
