"""Multiple choice by similarity: the answer nearest to the passage is chosen, within and across languages."""

from __future__ import annotations

import itertools

import numpy as np

from eval.benchmarks.data import Choice
from eval.bootstrap import mean_samples, resample_counts
from eval.encoders import CachedEncoder
from eval.metrics import accuracy
from eval.tasks.figure import Figure, both_ways, mean_of


def score_choice(data: Choice, encoder: CachedEncoder, resamples: int, seed: int) -> list[Figure]:
    """Accuracy with questions and answers in one language and passages in the same or another.

    Returns:
        A figure for each language (`mono`) and pair of languages (`cross`, both directions averaged), and the means.
    """
    counts = resample_counts(len(data.right), resamples, seed)
    directed: dict[tuple[str, str], Figure] = {}
    for a, b in itertools.product(data.passages, repeat=2):
        across = a != b
        number = len(data.candidates[a][0])
        flat = [text for candidates in data.candidates[a] for text in candidates]
        answers = encoder(flat, a, across=across).reshape(len(data.right), number, -1)
        passages = encoder(data.passages[b], b, across=across)
        chosen = np.einsum("ncd,nd->nc", answers, passages).argmax(axis=1)
        used = [fingerprint for code in (a, b) for fingerprint in encoder.encoder.modules(code, across)]
        directed[a, b] = Figure(
            "cross" if across else "mono",
            "accuracy",
            accuracy(chosen, data.right),
            100 * mean_samples(chosen == data.right, counts),
            len(chosen),
            (a, b) if across else (a,),
            tuple(dict.fromkeys(used)),
        )
    within = [figure for (a, b), figure in directed.items() if a == b]
    across_figures = [both_ways(directed[a, b], directed[b, a]) for a, b in itertools.combinations(data.passages, 2)]
    means = [mean_of(name, group) for name, group in (("mono", within), ("cross", across_figures)) if group]
    return [*within, *across_figures, *means]
