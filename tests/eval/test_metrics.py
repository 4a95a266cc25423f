from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import evaluate
import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from eval import metrics
from eval.metrics import accuracy, language_bias, rsim, spearman, xsim_error

GOLD = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
SCRIPTS = {path.stem: path for path in Path(metrics.__file__).parent.glob("*/[!_]*.py")}


def load_metric(name: str) -> evaluate.Metric:
    return evaluate.load(str(SCRIPTS[name]), keep_in_memory=True)


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


@pytest.mark.parametrize(
    ("predicted", "gold", "words"),
    [
        (np.ones(5), GOLD, "similarities that vary"),
        (GOLD, np.ones(5), "grades that vary"),
        (np.array([0, 1, 2, 3, np.nan]), GOLD, "finite similarities"),
    ],
)
def test_spearman_refuses_what_has_no_correlation(predicted: np.ndarray, gold: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        spearman(predicted, gold)


def test_accuracy_by_hand() -> None:
    assert accuracy([1, 2, 3, 4], [1, 2, 0, 4]) == 75
    with pytest.raises(ValueError, match="for each reference"):
        accuracy([1], [1, 2])


def test_language_bias_is_zero_when_all_pairs_use_one_scale() -> None:
    values = np.array([0.1, 0.5, 0.3, 0.8, 0.9])
    assert language_bias([*values, *values], [*GOLD, *GOLD], ["a"] * 5 + ["b"] * 5) == pytest.approx(0)


def test_language_bias_by_hand_of_a_pair_that_is_always_more_similar() -> None:
    # Each pair alone is perfect. Together: gold ranks 1.5 1.5 3.5 3.5 5.5 5.5, predicted ranks 1 2 3 and 4 5 6.
    bias = language_bias([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], [0, 1, 2, 0, 1, 2], ["deu-tur"] * 3 + ["deu-rus"] * 3)
    together = pearsonr([1, 2, 3, 4, 5, 6], [1.5, 3.5, 5.5, 1.5, 3.5, 5.5]).statistic
    assert bias == pytest.approx(100 - 100 * together)
    assert bias > 40


def test_xsim_by_hand_of_a_known_permutation() -> None:
    vectors = np.eye(6) + 0.01
    assert xsim_error(vectors, vectors) == 0
    assert xsim_error(vectors, vectors[[1, 0, 2, 3, 4, 5]]) == pytest.approx(100 * 2 / 6)
    assert xsim_error(vectors * 7, vectors) == 0  # lengths do not matter


def test_the_margin_takes_a_hub_down_which_the_cosine_alone_would_choose() -> None:
    # With k = 2, by hand: source 0 is slightly nearer to target 1 than to its translation, target 0. But target 1
    # is near both sources and target 0 only near source 0, so the ratio prefers target 0.
    angles = np.deg2rad
    sources = np.stack([np.cos(angles([0, 40])), np.sin(angles([0, 40]))], axis=1)
    targets = np.stack([np.cos(angles([-21, 20])), np.sin(angles([-21, 20]))], axis=1)
    cosines = sources @ targets.T
    assert cosines[0].argmax() == 1
    mean_x, mean_y = cosines.mean(axis=1), cosines.mean(axis=0)
    assert (cosines / ((mean_x[:, None] + mean_y) / 2))[0].argmax() == 0
    assert xsim_error(sources, targets, k=2) == 0


def test_xsim_equals_the_formula_written_out() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(40, 6))
    y = x + random.normal(size=(40, 6))
    cosines = (x / np.linalg.norm(x, axis=1)[:, None]) @ (y / np.linalg.norm(y, axis=1)[:, None]).T
    wrong = 0
    for row in range(40):
        nearest = np.argsort(-cosines[row])[:4]
        margins = []
        for column in nearest:
            around = (np.sort(cosines[row])[-4:].mean() + np.sort(cosines[:, column])[-4:].mean()) / 2
            margins.append(cosines[row, column] / around)
        wrong += nearest[int(np.argmax(margins))] != row
    assert wrong > 0
    assert xsim_error(x, y) == pytest.approx(100 * wrong / 40)


def test_rsim_does_not_see_where_a_space_lies_but_what_shape_it_has() -> None:
    random = np.random.default_rng(2)
    vectors = random.normal(size=(30, 8))
    rotation, _ = np.linalg.qr(random.normal(size=(8, 8)))
    assert rsim(vectors, vectors @ rotation) == pytest.approx(1, abs=1e-5)
    other = random.normal(size=(30, 8))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (vectors, other)]
    triangles = [(v @ v.T)[np.triu_indices(30, 1)] for v in unit]
    assert rsim(vectors, other) == pytest.approx(pearsonr(*triangles).statistic, abs=1e-5)
    with pytest.raises(ValueError, match="at least 3"):
        rsim(vectors[:2], other[:2])


@pytest.mark.parametrize("name", ["accuracy", "language_bias", "rsim", "spearman", "xsim_error"])
def test_every_metric_is_an_evaluate_module_that_loads_by_path(name: str) -> None:
    metric = load_metric(name)
    assert isinstance(metric, evaluate.Metric)
    assert metric.description.strip()
    assert metric.citation.strip()


def test_evaluate_gives_what_the_functions_give() -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=(20, 4)).astype(np.float32), random.normal(size=(20, 4)).astype(np.float32)
    groups = ["a"] * 10 + ["b"] * 10

    def computed(name: str, **inputs: object) -> float:
        value: float = load_metric(name).compute(**inputs)[name]
        return value

    assert computed("xsim_error", predictions=x, references=y) == xsim_error(x, y)
    assert computed("rsim", predictions=x, references=y) == pytest.approx(rsim(x, y))
    assert computed("spearman", predictions=x[:, 0], references=y[:, 0]) == pytest.approx(spearman(x[:, 0], y[:, 0]))
    assert computed("accuracy", predictions=[1, 2], references=[1, 1]) == 50
    bias = computed("language_bias", predictions=x[:, 0], references=y[:, 0], groups=groups)
    assert bias == pytest.approx(language_bias(x[:, 0], y[:, 0], groups))


def test_a_metric_loads_without_the_project_and_without_a_network(tmp_path: Path) -> None:
    path = str(SCRIPTS["spearman"])
    code = f"import evaluate; print(evaluate.load({path!r}).compute(predictions=[1, 2], references=[1, 2]))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "'spearman'" in done.stdout
