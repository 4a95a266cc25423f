"""Multiple choice by similarity: the answer nearest to the passage is chosen, within and across languages."""

from __future__ import annotations

import itertools

import numpy as np

from eval.benchmarks.data import Choice
from eval.encoders import CachedEncoder
from eval.tasks.figure import Draw, Figure, both_ways, mean_figure, means_of


def score_choice(data: Choice, encoder: CachedEncoder, draw: Draw) -> list[Figure]:
    """Accuracy with questions and answers in one language and passages in the same or another.

    Returns:
        A figure for each language (`mono`) and pair of languages (`cross`, both directions averaged), and the means.
    """
    directed: dict[tuple[str, str], Figure] = {}
    for a, b in itertools.product(data.passages, repeat=2):
        flat = [text for candidates in data.candidates[a] for text in candidates]
        answers = encoder(flat, a, across=a != b).reshape(len(data.right), len(data.candidates[a][0]), -1)
        passages = encoder(data.passages[b], b, across=a != b)
        right = np.einsum("ncd,nd->nc", answers, passages).argmax(axis=1) == data.right
        name, languages = ("mono", (a,)) if a == b else ("cross", (a, b))
        directed[a, b] = mean_figure(name, "accuracy", right, languages, encoder, draw)
    within = [directed[code, code] for code in data.passages]
    across = [both_ways(directed[a, b], directed[b, a]) for a, b in itertools.combinations(data.passages, 2)]
    return [*within, *across, *means_of([*within, *across], "mono", "cross")]
