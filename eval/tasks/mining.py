"""Bitext mining (xsim error), and the similarity of the languages' spaces (RSIM)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from eval.benchmarks.data import Bitext
from eval.bootstrap import TriangleMoments, mean_samples, resample_counts
from eval.encoders import CachedEncoder
from eval.metrics import margin_matches, rsim, similarity_matrix, xsim_error
from eval.tasks.figure import Figure, mean_of


def score_mining(data: Bitext, encoder: CachedEncoder, resamples: int, seed: int) -> list[Figure]:
    """Xsim error for each pair of languages, averaged over both directions; RSIM if the corpus is multiway parallel.

    The bootstrap resamples the query sentences; the candidates stay the same.

    Returns:
        A figure for each pair of languages, and the means `xsim` and `rsim`.
    """
    errors = []
    for (a, b), (one, other) in data.pairs.items():
        x, y = encoder(one, a, across=True), encoder(other, b, across=True)
        value = (xsim_error(x, y) + xsim_error(y, x)) / 2
        rows = np.arange(len(x))
        forward, backward = margin_matches(x, y)
        wrong = ((forward != rows).astype(np.float32) + (backward != rows)) / 2
        samples = 100 * mean_samples(wrong, resample_counts(len(x), resamples, seed))
        errors.append(Figure("xsim", "xsim_error", value, samples, len(x), (a, b), _modules((a, b), encoder)))
    means = [mean_of("xsim", errors)] if errors else []
    shapes = _shapes(data.multiway, encoder, resamples, seed) if data.multiway else []
    return [*errors, *shapes, *means, *([mean_of("rsim", shapes)] if shapes else [])]


def _shapes(sentences: Mapping[str, Sequence[str]], encoder: CachedEncoder, resamples: int, seed: int) -> list[Figure]:
    vectors = {code: encoder(texts, code, across=True) for code, texts in sentences.items()}
    size = len(next(iter(vectors.values())))
    if size < 3 or len(vectors) < 2:
        return []
    triangle = TriangleMoments(resample_counts(size, resamples, seed))
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
            _modules((a, b), encoder),
        )
        for a, b in itertools.combinations(vectors, 2)
    ]


def _modules(languages: Sequence[str], encoder: CachedEncoder) -> tuple[str, ...]:
    used = [encoder.encoder.modules(code, True) for code in languages]
    return tuple(dict.fromkeys(fingerprint for modules in used for fingerprint in modules))
