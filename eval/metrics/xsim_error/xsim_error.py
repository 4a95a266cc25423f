"""xsim error, as an `evaluate` module: how often a sentence's best match in a bitext is not its translation.

The best match of a source sentence x is the one of its k = 4 nearest target sentences by cosine with the largest ratio

    cos(x, y) / ((mean cosine of x to its k nearest targets + mean cosine of y to its k nearest sources) / 2).

The error is in percent; 0: every translation is found. This is one direction, source to target; average both for a
language pair.
"""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike

CITATION = """\
Artetxe, M. and Schwenk, H. (2019). Margin-based Parallel Corpus Mining with Multilingual Sentence Embeddings. ACL.
Heffernan, K., Celebi, O. and Schwenk, H. (2022). Bitext Mining Using Distilled Sentence Representations for
Low-Resource Languages. Findings of EMNLP. (LASER's xsim, margin "ratio")
"""


def margin_matches(sources: ArrayLike, targets: ArrayLike, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Find the best match of every sentence in both directions, by ratio margin.

    Args:
        sources: `[n, dim]`.
        targets: `[m, dim]`.
        k: number of neighbours.

    Returns:
        The index of each source's match among the targets, `[n]`, and of each target's match among the sources, `[m]`.
    """
    similarities = _unit(sources) @ _unit(targets).T
    k = min(k, *similarities.shape)
    forward, forward_mean = _nearest(similarities, k)
    backward, backward_mean = _nearest(similarities.T, k)
    return (
        _best(similarities, forward, forward_mean, backward_mean),
        _best(similarities.T, backward, backward_mean, forward_mean),
    )


def xsim_error(sources: ArrayLike, targets: ArrayLike, k: int = 4) -> float:
    """Share, in percent, of rows of `[n, dim]` whose best match among `[n, dim]` is not the same row.

    Raises:
        ValueError: the numbers of source and target sentences differ, or are zero.
    """
    sources, targets = np.asarray(sources, dtype=np.float32), np.asarray(targets, dtype=np.float32)
    if len(sources) != len(targets) or len(sources) == 0:
        raise ValueError(f"xsim needs a target for each source, found {len(sources)} and {len(targets)}")
    matches, _ = margin_matches(sources, targets, k)
    return float((matches != np.arange(len(sources))).mean()) * 100


def _unit(vectors: ArrayLike) -> np.ndarray:
    values = np.asarray(vectors, dtype=np.float32)
    unit: np.ndarray = values / np.linalg.norm(values, axis=-1, keepdims=True)
    return unit


def _nearest(similarities: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the k nearest in each row, nearest first so that it wins ties, and their mean similarity."""
    nearest = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
    values = np.take_along_axis(similarities, nearest, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(nearest, order, axis=1), values.mean(axis=1)


def _best(similarities: np.ndarray, nearest: np.ndarray, mean: np.ndarray, other_mean: np.ndarray) -> np.ndarray:
    margins = np.take_along_axis(similarities, nearest, axis=1) / ((mean[:, None] + other_mean[nearest]) / 2)
    best: np.ndarray = np.take_along_axis(nearest, margins.argmax(axis=1)[:, None], axis=1)[:, 0]
    return best


class XsimError(evaluate.Metric):  # type: ignore[misc]
    """xsim error with the ratio margin."""

    def _info(self) -> evaluate.MetricInfo:
        vectors = datasets.Sequence(datasets.Value("float32"))
        return evaluate.MetricInfo(
            description=__doc__,
            citation=CITATION,
            inputs_description=xsim_error.__doc__,
            features=datasets.Features({"predictions": vectors, "references": vectors}),
        )

    def _compute(self, predictions: Any, references: Any, k: int = 4) -> dict[str, float]:  # noqa: ANN401
        return {"xsim_error": xsim_error(predictions, references, k)}
