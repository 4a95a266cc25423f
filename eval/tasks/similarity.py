"""Graded similarity and relatedness: does cosine similarity rank sentence pairs as people do?"""

from __future__ import annotations

import numpy as np

from eval.benchmarks.data import GradedPairs, Similarity
from eval.bootstrap import resample_counts, spearman_samples
from eval.encoders import CachedEncoder
from eval.errors import EvaluationError
from eval.metrics import language_bias, spearman
from eval.tasks.figure import Figure, both_ways, mean_of


def score_similarity(data: Similarity, encoder: CachedEncoder, resamples: int, seed: int) -> list[Figure]:
    """Spearman's correlation within each language and for each pair of languages, and the language bias.

    The bias covers all pairs of languages including each language with itself, so it shows whether similarities
    within a language and across languages are on one scale.

    Returns:
        A figure for each language and pair (both directions averaged), and the means `mono` and `cross`, and `bias`.
    """
    directed: dict[tuple[str, str], Figure] = {}
    similarities: dict[tuple[str, str], np.ndarray] = {}
    for (a, b), pairs in data.pairs.items():
        cosines = _cosines(a, b, pairs, encoder)
        counts = resample_counts(len(cosines), resamples, seed)
        try:
            value = spearman(cosines, pairs.gold)
        except ValueError as error:
            raise EvaluationError(f"{a}-{b} cannot be scored: {error}") from error
        directed[a, b] = Figure(
            "mono" if a == b else "cross",
            "spearman",
            value,
            spearman_samples(cosines, pairs.gold, counts),
            len(cosines),
            (a,) if a == b else (a, b),
            _modules(a, b, encoder),
        )
        similarities[a, b] = cosines
    within = [figure for figure in directed.values() if figure.name == "mono"]
    across = [
        both_ways(figure, directed[b, a]) if (b, a) in directed else figure
        for (a, b), figure in directed.items()
        if a != b and ((b, a) not in directed or a < b)
    ]
    figures = [*within, *across]
    means = [mean_of(name, group) for name, group in (("mono", within), ("cross", across)) if group]
    if data.parallel and across:
        means.append(_bias(data, similarities, directed, resamples, seed))
    return figures + means


def _cosines(a: str, b: str, pairs: GradedPairs, encoder: CachedEncoder) -> np.ndarray:
    first, second = encoder(pairs.first, a, across=a != b), encoder(pairs.second, b, across=a != b)
    cosines: np.ndarray = np.einsum("nd,nd->n", first, second)
    return cosines


def _bias(
    data: Similarity,
    similarities: dict[tuple[str, str], np.ndarray],
    directed: dict[tuple[str, str], Figure],
    resamples: int,
    seed: int,
) -> Figure:
    predicted = np.stack(list(similarities.values()))
    gold = np.stack([data.pairs[key].gold for key in similarities])
    names = np.repeat(["-".join(key) for key in similarities], predicted.shape[1])
    value = language_bias(predicted.ravel(), gold.ravel(), names)  # type: ignore[arg-type]
    together = spearman_samples(predicted, gold, resample_counts(predicted.shape[1], resamples, seed))
    samples = np.mean([figure.samples for figure in directed.values()], axis=0) - together
    return Figure("bias", "language_bias", value, samples, predicted.size)


def _modules(a: str, b: str, encoder: CachedEncoder) -> tuple[str, ...]:
    used = [encoder.encoder.modules(code, a != b) for code in (a, b)]
    return tuple(dict.fromkeys(fingerprint for modules in used for fingerprint in modules))
