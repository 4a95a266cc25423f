"""What is measured on a benchmark's data: figures of an encoder, each with its bootstrap."""

from __future__ import annotations

from eval.benchmarks.data import Bitext, Choice, Classification, Data, Similarity
from eval.encoders import CachedEncoder
from eval.tasks.choice import score_choice
from eval.tasks.classification import score_classification
from eval.tasks.figure import Figure, mean_of
from eval.tasks.mining import score_mining
from eval.tasks.similarity import score_similarity

__all__ = ["Figure", "mean_of", "score"]


def score(data: Data, encoder: CachedEncoder, resamples: int, seed: int) -> list[Figure]:
    """All figures of an encoder on some data.

    Args:
        data: decides the task.
        encoder: gives vectors.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        EvaluationError: something cannot be scored; says what.
    """
    match data:
        case Similarity():
            return score_similarity(data, encoder, resamples, seed)
        case Classification():
            return score_classification(data, encoder, resamples, seed)
        case Bitext():
            return score_mining(data, encoder, resamples, seed)
        case Choice():
            return score_choice(data, encoder, resamples, seed)
