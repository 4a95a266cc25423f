from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from eval.metrics import language_bias, pair_similarities, retrieval_accuracy, spearman

GOLD = np.array([0.0, 1.0, 2.0, 3.0, 4.0])


def test_spearman_equals_scipy_and_the_correlation_of_ranks() -> None:
    random = np.random.default_rng(0)
    predicted, gold = random.normal(size=50), random.integers(0, 6, size=50).astype(float)
    by_ranks = pearsonr(rankdata(predicted), rankdata(gold)).statistic
    assert spearman(predicted, gold) == pytest.approx(100 * spearmanr(predicted, gold).statistic)
    assert spearman(predicted, gold) == pytest.approx(100 * by_ranks)


def test_spearman_by_hand_looks_at_ranks_only() -> None:
    assert spearman(np.exp(GOLD), GOLD) == pytest.approx(100)
    assert spearman(-GOLD, GOLD) == pytest.approx(-100)
    # Two neighbours swapped: 1 - 6 * (1 + 1) / (5 * 24)
    assert spearman(np.array([1.0, 0.0, 2.0, 3.0, 4.0]), GOLD) == pytest.approx(90)


@pytest.mark.parametrize(("predicted", "gold"), [(np.ones(5), GOLD), (GOLD, np.ones(5))])
def test_spearman_of_a_constant_is_refused(predicted: np.ndarray, gold: np.ndarray) -> None:
    with pytest.raises(ValueError, match="vary"):
        spearman(predicted, gold)


def test_pair_similarities_are_cosines_of_corresponding_rows() -> None:
    a = np.array([[3.0, 4.0], [1.0, 0.0], [2.0, 0.0]])
    b = np.array([[4.0, 3.0], [0.0, 5.0], [-1.0, 0.0]])
    assert pair_similarities(a, b) == pytest.approx([24 / 25, 0, -1])


def test_language_bias_is_zero_when_all_pairs_use_one_scale() -> None:
    values = np.array([0.1, 0.5, 0.3, 0.8, 0.9])
    assert language_bias({("deu", "tur"): values, ("tur", "deu"): values}, GOLD) == pytest.approx(0)


def test_language_bias_by_hand_of_a_pair_that_is_always_more_similar() -> None:
    # Each pair alone is perfect. Together: gold ranks 1.5 1.5 3.5 3.5 5.5 5.5, predicted ranks 1 2 3 and 4 5 6.
    gold = np.array([0.0, 1.0, 2.0])
    similarities = {("deu", "tur"): np.array([0.1, 0.2, 0.3]), ("deu", "rus"): np.array([0.7, 0.8, 0.9])}
    together = pearsonr([1, 2, 3, 4, 5, 6], [1.5, 3.5, 5.5, 1.5, 3.5, 5.5]).statistic
    assert language_bias(similarities, gold) == pytest.approx(100 - 100 * together)
    assert language_bias(similarities, gold) > 40


def test_retrieval_by_hand_of_a_known_permutation() -> None:
    vectors = np.eye(6)
    assert retrieval_accuracy(vectors, vectors) == 100
    assert retrieval_accuracy(vectors, vectors[[1, 0, 2, 3, 4, 5]]) == pytest.approx(100 * 4 / 6)
    assert retrieval_accuracy(vectors, np.roll(vectors, 1, axis=0)) == 0


def test_retrieval_goes_by_cosine_and_not_by_length() -> None:
    queries = np.array([[1.0, 0.0], [0.0, 1.0]])
    candidates = np.array([[0.1, 0.0], [5.0, 9.0]])
    assert retrieval_accuracy(queries, candidates) == 100
