"""Graded similarity and relatedness: does cosine similarity rank sentence pairs as people do?"""

from __future__ import annotations

import numpy as np

from eval.benchmarks.data import Similarity
from eval.bootstrap import spearman_samples
from eval.encoders import CachedEncoder
from eval.errors import EvaluationError
from eval.metrics import language_bias, spearman
from eval.tasks.figure import Draw, Figure, means_of, undirected


def score_similarity(data: Similarity, encoder: CachedEncoder, draw: Draw) -> list[Figure]:
    """Spearman's correlation within each language and for each pair of languages, and the language bias.

    The bias covers all pairs of languages including each language with itself, so it shows whether similarities
    within a language and across languages are on one scale.

    Returns:
        A figure for each language and pair (both directions averaged), and the means `mono` and `cross`, and `bias`.
    """
    directed: dict[tuple[str, str], Figure] = {}
    similarities: dict[tuple[str, str], np.ndarray] = {}
    for (a, b), pairs in data.pairs.items():
        across = a != b
        cosines = np.einsum("nd,nd->n", encoder(pairs.first, a, across), encoder(pairs.second, b, across))
        try:
            value = spearman(cosines, pairs.gold)
        except ValueError as error:
            raise EvaluationError(f"{a}-{b} cannot be scored: {error}") from error
        languages = (a, b) if across else (a,)
        directed[a, b] = Figure(
            "cross" if across else "mono",
            "spearman",
            value,
            spearman_samples(cosines, pairs.gold, draw(len(cosines))),
            len(cosines),
            languages,
            encoder.modules(languages, across),
        )
        similarities[a, b] = cosines
    figures = undirected({languages: [figure] for languages, figure in directed.items()})
    figures.sort(key=lambda figure: figure.name == "cross")
    figures += means_of(figures, "mono", "cross")
    if data.parallel and figures[-1].name == "cross":
        figures.append(_bias(data, similarities, directed, draw))
    return figures


def _bias(
    data: Similarity,
    similarities: dict[tuple[str, str], np.ndarray],
    directed: dict[tuple[str, str], Figure],
    draw: Draw,
) -> Figure:
    predicted = np.stack(list(similarities.values()))
    gold = np.stack([data.pairs[key].gold for key in similarities])
    names = np.repeat(["-".join(key) for key in similarities], predicted.shape[1])
    value = language_bias(predicted.ravel(), gold.ravel(), names)  # type: ignore[arg-type]
    together = spearman_samples(predicted, gold, draw(predicted.shape[1]))
    samples = np.mean([figure.samples for figure in directed.values()], axis=0) - together
    return Figure("bias", "language_bias", value, samples, predicted.size)
