"""Bitext mining (xsim error), and the similarity of the languages' spaces (RSIM)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from eval.benchmarks.data import Bitext
from eval.bootstrap import TriangleMoments
from eval.encoders import CachedEncoder
from eval.metrics import margin_matches, rsim, similarity_matrix
from eval.tasks.figure import Draw, Figure, mean_figure, means_of


def score_mining(data: Bitext, encoder: CachedEncoder, draw: Draw) -> list[Figure]:
    """Xsim error for each pair of languages, averaged over both directions; RSIM if the corpus is multiway parallel.

    The bootstrap resamples the query sentences; the candidates stay the same.

    Returns:
        A figure for each pair of languages, and the means `xsim` and `rsim`.
    """
    figures = []
    for (a, b), (one, other) in data.pairs.items():
        forward, backward = margin_matches(encoder(one, a, across=True), encoder(other, b, across=True))
        rows = np.arange(len(forward))
        wrong = ((forward != rows).astype(np.float32) + (backward != rows)) / 2
        figures.append(mean_figure("xsim", "xsim_error", wrong, (a, b), encoder, draw))
    figures += _shapes(data.multiway, encoder, draw) if data.multiway else []
    return [*figures, *means_of(figures, "xsim", "rsim")]


def _shapes(sentences: Mapping[str, Sequence[str]], encoder: CachedEncoder, draw: Draw) -> list[Figure]:
    vectors = {code: encoder(texts, code, across=True) for code, texts in sentences.items()}
    size = len(next(iter(vectors.values())))
    if size < 3 or len(vectors) < 2:
        return []
    triangle = TriangleMoments(draw(size))
    matrices = {code: similarity_matrix(values) for code, values in vectors.items()}
    moments = {code: triangle.moments(matrix) for code, matrix in matrices.items()}
    return [
        Figure(
            "rsim",
            "rsim",
            rsim(vectors[a], vectors[b]),
            triangle.correlation(matrices[a], matrices[b], moments[a], moments[b]),
            size,
            (a, b),
            encoder.modules((a, b), across=True),
        )
        for a, b in itertools.combinations(vectors, 2)
    ]
