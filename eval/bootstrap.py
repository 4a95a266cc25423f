"""Bootstrap: how much a figure would vary if other items had been drawn from the same source.

Items are resampled with replacement. A resample is stored as `counts`, the number of times that each item occurs in
it. The same seed and number of items give the same resamples, so figures of two encoders can be compared resample by
resample.

References:
    Efron and Tibshirani 1993, An Introduction to the Bootstrap; Koehn 2004, Statistical Significance Tests for Machine
    Translation Evaluation, for the paired comparison.
"""

from __future__ import annotations

import numpy as np

RESAMPLES = 1000
_ENTRIES = 4_000_000  # size of the blocks that bound memory


def resample_counts(items: int, resamples: int, seed: int) -> np.ndarray:
    """How often each item occurs in each resample: `[resamples, items]`; every row sums to `items`."""
    generator = np.random.default_rng([seed, items])
    drawn = generator.integers(items, size=(resamples, items), dtype=np.int32)
    counts = np.zeros((resamples, items), dtype=np.float32)
    for row, draw in zip(counts, drawn, strict=True):
        row[:] = np.bincount(draw, minlength=items)
    return counts


def interval(samples: np.ndarray) -> tuple[float, float]:
    """The 95% percentile confidence interval of a figure, from its resampled values `[resamples]`."""
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return float(low), float(high)


def p_value(samples: np.ndarray, baseline: np.ndarray) -> float:
    """Two-sided p-value of the paired bootstrap: twice the smaller share of resamples with the difference on one side.

    Args:
        samples: `[resamples]`, values of one encoder.
        baseline: `[resamples]`, values of the other on the same items.
    """
    difference = samples - baseline
    share = (
        max(float((difference <= 0).mean()), 1 / len(difference)),
        max(float((difference >= 0).mean()), 1 / len(difference)),
    )
    return min(1.0, 2 * min(share))


def mean_samples(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The mean of values `[items]` in each resample: `[resamples]`."""
    means: np.ndarray = counts @ values.astype(np.float32) / counts.sum(axis=1)
    return means


def spearman_samples(predicted: np.ndarray, gold: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's correlation times 100 in each resample.

    Repeated items are ties. Ranks are computed from one sort and the running sums of the counts, so no resample is
    sorted again.

    Args:
        predicted: `[items]`, or `[groups, items]` if every group grades the same items; all groups of a resample are
            then ranked together.
        gold: in the shape of `predicted`.
        counts: `[resamples, items]`.

    Returns:
        `[resamples]`; NaN where a resample has only one grade.
    """
    predicted, gold = np.atleast_2d(predicted), np.atleast_2d(gold)
    item = np.tile(np.arange(predicted.shape[1]), predicted.shape[0])
    by_predicted, by_gold = _Ranking(predicted.ravel(), item), _Ranking(gold.ravel(), item)
    result = np.empty(len(counts))
    block = max(1, _ENTRIES // predicted.size)
    for start in range(0, len(counts), block):
        part = counts[start : start + block].astype(np.float64)
        result[start : start + block] = _weighted_pearson(by_predicted.ranks(part), by_gold.ranks(part), part[:, item])
    return result * 100


class _Ranking:
    """Ranks of values weighted by how often a resample contains them; ties get their mean rank."""

    def __init__(self, values: np.ndarray, item: np.ndarray) -> None:
        distinct, self._place = np.unique(values, return_inverse=True)
        self._size = len(distinct)
        self._order = np.argsort(self._place, kind="stable")
        self._item = item[self._order]
        self._starts = np.searchsorted(self._place[self._order], np.arange(self._size))

    def ranks(self, counts: np.ndarray) -> np.ndarray:
        """Turn counts `[resamples, items]` into ranks `[resamples, values]`."""
        of_distinct = np.add.reduceat(counts[:, self._item], self._starts, axis=1)
        mean_rank = np.cumsum(of_distinct, axis=1) - (of_distinct - 1) / 2
        ranks: np.ndarray = mean_rank[:, self._place]
        return ranks


def _weighted_pearson(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=1, keepdims=True)
    a = a - (weights * a).sum(axis=1, keepdims=True) / total
    b = b - (weights * b).sum(axis=1, keepdims=True) / total
    covariance = (weights * a * b).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: np.ndarray = covariance / np.sqrt((weights * a * a).sum(axis=1) * (weights * b * b).sum(axis=1))
    return correlation


class TriangleMoments:
    """Moments of the upper triangle of a similarity matrix `[n, n]` in each resample, for RSIM.

    Only pairs of different items count, since two copies of one sentence are not a pair; each pair is weighted by the
    product of its counts. `sum over i < j of w_i w_j f_ij` is half of `w f w - sum of w_i² f_ii`.

    Args:
        counts: `[resamples, n]`, how often each item occurs.
    """

    def __init__(self, counts: np.ndarray) -> None:
        self.counts = counts
        self.total = self.sums(np.ones((counts.shape[1], counts.shape[1]), dtype=np.float32))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Weighted sum over the upper triangle of a symmetric matrix `[n, n]` in each resample: `[resamples]`."""
        whole = ((self.counts @ values) * self.counts).sum(axis=1, dtype=np.float64)
        diagonal = (self.counts**2) @ np.diag(values)
        halved: np.ndarray = (whole - diagonal) / 2
        return halved

    def moments(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the entries of `[n, n]` in each resample, `[resamples]` each."""
        mean = self.sums(matrix) / self.total
        return mean, self.sums(matrix * matrix) / self.total - mean**2

    def correlation(
        self,
        a: np.ndarray,
        b: np.ndarray,
        moments_a: tuple[np.ndarray, np.ndarray],
        moments_b: tuple[np.ndarray, np.ndarray],
    ) -> np.ndarray:
        """Pearson correlation of the entries of two matrices `[n, n]` in each resample: `[resamples]`."""
        covariance = self.sums(a * b) / self.total - moments_a[0] * moments_b[0]
        correlation: np.ndarray = covariance / np.sqrt(moments_a[1] * moments_b[1])
        return correlation
