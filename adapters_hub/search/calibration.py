"""What a similarity means in a corpus, by comparison with a sample of its passages."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

SAMPLED = 1000
"""Number of passages that a question is compared with for calibration."""

_FEWEST = 50
_HUBS = 0.5
_BY_CHANCE = 0.05


@dataclass(frozen=True)
class Calibration:
    """A sample of a corpus's passages.

    Attributes:
        sample: `[n, dim]`, their vectors.
        passages: number of passages in the corpus.
    """

    sample: np.ndarray
    passages: int

    @property
    def possible(self) -> bool:
        """Whether there are enough passages to calibrate with."""
        return len(self.sample) >= _FEWEST

    def without_hubs(self, questions: np.ndarray) -> np.ndarray:
        """Questions `[n, dim]` from which half of the mean passage is subtracted.

        A passage that is near to all others, a hub, has a large product with the mean passage, and loses half of that.
        Because the question changes and not the passages, any store of vectors can search with it.
        """
        return questions - _HUBS * self.sample.mean(0) if self.possible else questions

    def standard_scores(self, question: np.ndarray, passages: np.ndarray) -> np.ndarray:
        """By how many standard deviations passages `[n, dim]` are nearer to a question `[dim]` than random ones are.

        Returns:
            `[n]`; NaN if there are too few passages to calibrate with.
        """
        if not self.possible:
            return np.full(len(passages), np.nan)
        random = self.sample @ question
        spread = float(random.std())
        return (passages @ question - random.mean()) / spread if spread else np.zeros(len(passages))

    @property
    def threshold(self) -> float:
        """The standard score that the best of all passages reaches by chance for one question in twenty.

        It treats the similarities of unrelated passages as independent and normally distributed.
        """
        return -NormalDist().inv_cdf(1 - (1 - _BY_CHANCE) ** (1 / max(self.passages, 1)))
