"""The tasks: each computes an encoder's figures on a benchmark's data, with bootstrap resamples."""

from __future__ import annotations

import functools

from eval.benchmarks.data import Bitext, Choice, Classification, Data, Retrieval, Similarity
from eval.bootstrap import resample_counts
from eval.encoders import CachedEncoder
from eval.tasks.choice import score_choice
from eval.tasks.classification import score_classification
from eval.tasks.figure import Figure, mean_of
from eval.tasks.mining import score_mining
from eval.tasks.retrieval import score_retrieval
from eval.tasks.similarity import score_similarity

__all__ = ["Figure", "mean_of", "score"]


def score(data: Data, encoder: CachedEncoder, resamples: int, seed: int) -> list[Figure]:
    """Compute all figures of an encoder on some data, whose type decides the task.

    Raises:
        EvaluationError: the data cannot be scored; the message says why.
    """
    # The figures of one benchmark mostly have the same number of items, so one set of resamples is kept.
    draw = functools.lru_cache(maxsize=1)(functools.partial(resample_counts, resamples=resamples, seed=seed))
    match data:
        case Similarity():
            return score_similarity(data, encoder, draw)
        case Classification():
            return score_classification(data, encoder, draw)
        case Bitext():
            return score_mining(data, encoder, draw)
        case Choice():
            return score_choice(data, encoder, draw)
        case Retrieval():
            return score_retrieval(data, encoder, draw)
