from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from eval.bootstrap import TriangleMoments, interval, mean_samples, p_value, resample_counts, spearman_samples
from eval.metrics import similarity_matrix


def resampled(counts: np.ndarray) -> np.ndarray:
    """Repeat the items of a resample as often as they occur."""
    return np.repeat(np.arange(len(counts)), counts.astype(int))


def test_resamples_are_as_large_as_the_data_and_depend_on_the_seed_alone() -> None:
    counts = resample_counts(30, 20, seed=1)
    assert counts.sum(axis=1).tolist() == [30] * 20
    assert np.array_equal(counts, resample_counts(30, 20, seed=1))
    assert not np.array_equal(counts, resample_counts(30, 20, seed=2))


@pytest.mark.parametrize("groups", [1, 3])
def test_spearman_of_a_resample_is_that_of_its_items_with_their_ties(groups: int) -> None:
    random = np.random.default_rng(0)
    gold = np.tile(random.integers(0, 5, 40).astype(float), (groups, 1))
    predicted = np.round(gold + random.normal(size=gold.shape), 1)  # rounding creates ties
    counts = resample_counts(40, 10, seed=0)
    for value, row in zip(spearman_samples(predicted, gold, counts), counts, strict=True):
        items = resampled(row)
        expected = 100 * spearmanr(predicted[:, items].ravel(), gold[:, items].ravel()).statistic
        assert value == pytest.approx(expected)


def test_rsim_of_a_resample_counts_pairs_of_different_sentences_as_often_as_they_occur() -> None:
    random = np.random.default_rng(0)
    a, b = (similarity_matrix(random.normal(size=(12, 4))) for _ in range(2))
    counts = resample_counts(12, 5, seed=0)
    triangle = TriangleMoments(counts)
    samples = triangle.correlation(a, b, triangle.moments(a), triangle.moments(b))
    for value, row in zip(samples, counts, strict=True):
        items = resampled(row)
        pairs = [(i, j) for n, i in enumerate(items) for j in items[n + 1 :] if i != j]
        expected = pearsonr([a[i, j] for i, j in pairs], [b[i, j] for i, j in pairs]).statistic
        assert value == pytest.approx(expected, abs=1e-4)


def test_means_and_intervals() -> None:
    values = np.array([1.0, 0.0, 1.0, 1.0])
    counts = np.array([[1, 1, 1, 1], [0, 4, 0, 0]], dtype=np.float32)
    assert mean_samples(values, counts).tolist() == [0.75, 0]
    low, high = interval(np.arange(1001.0))
    assert (low, high) == (25, 975)


def test_the_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    values = np.random.default_rng(0).normal(size=400)
    low, high = interval(mean_samples(values, resample_counts(400, 2000, seed=0)))
    spread = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - spread, values.mean() + spread), abs=0.02)


def test_p_is_small_for_what_is_always_better_and_large_for_noise() -> None:
    noise = np.random.default_rng(0).normal(size=1000)
    assert p_value(noise + 5, noise) == pytest.approx(2 / 1000)
    assert p_value(noise, noise[::-1]) > 0.5
    assert p_value(noise, noise) == 1
