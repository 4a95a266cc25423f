"""The tasks: each computes an encoder's figures on a benchmark's data, with bootstrap resamples."""

from __future__ import annotations

from eval.benchmarks.data import Bitext, Choice, Classification, Data, Retrieval, Similarity
from eval.encoders import CachedEncoder
from eval.tasks.choice import score_choice
from eval.tasks.classification import score_classification
from eval.tasks.figure import Figure, mean_of
from eval.tasks.mining import score_mining
from eval.tasks.retrieval import score_retrieval
from eval.tasks.similarity import score_similarity

__all__ = ["Figure", "mean_of", "score"]


def score(data: Data, encoder: CachedEncoder, resamples: int, seed: int) -> list[Figure]:
    """Compute all figures of an encoder on some data.

    Args:
        data: the data; its type decides the task.
        encoder: computes the vectors.
        resamples: number of bootstrap resamples.
        seed: seed of the bootstrap.

    Raises:
        EvaluationError: the data cannot be scored; the message says why.
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
        case Retrieval():
            return score_retrieval(data, encoder, resamples, seed)
