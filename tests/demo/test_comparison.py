from __future__ import annotations

import numpy as np
import pytest

from demo.compare.comparison import Comparison, compare, figures, translation_rank
from demo.compare.workbench import Workbench
from demo.input.columns import Column
from demo.input.sentences import Row
from demo.views.map import project

ROWS = [
    Row("eng", "Good morning", "1"),
    Row("deu", "Guten Morgen", "1"),
    Row("deu", "Gute Nacht", "2"),
    Row("kaz", "Қайырлы таң", "1"),
    Row("fra", "Bonne nuit", "2"),
]


@pytest.fixture
def comparison(bench: Workbench, names: list[str]) -> Comparison:
    columns = [Column("base"), Column("modules"), Column("aligned"), Column("aligned", "parallel")]
    return compare(bench, ROWS, columns, bench.catalog.pick(names))


def test_alignment_moves_only_languages_that_have_an_adapter(comparison: Comparison) -> None:
    aligned = figures(comparison, 2)
    assert aligned.still == ["eng"]
    assert aligned.moved == ["deu", "kaz"]
    parallel = figures(comparison, 3)
    assert parallel.moved == ["kaz"]
    assert "deu: no 'parallel' adapter, so not aligned by it" in comparison.notes(comparison.columns[3])


def test_a_language_without_a_module_has_the_vectors_of_the_base_and_this_is_said(comparison: Comparison) -> None:
    assert np.allclose(comparison.vectors[0, 4], comparison.vectors[1, 4], atol=1e-6)
    assert comparison.notes(comparison.columns[1]) == ["fra: no module, so the base's vectors"]
    assert comparison.notes(comparison.columns[0]) == []


def test_sentences_that_are_cut_are_named(bench: Workbench, names: list[str]) -> None:
    rows = [*ROWS, Row("deu", "Guten Morgen, der Zug hat Verspätung. " * 9), Row("fra", "Bonne nuit, Marie. " * 20)]
    comparison = compare(bench, rows, [Column("base"), Column("modules")], bench.catalog.pick(names))
    base, modules = (comparison.notes(column) for column in comparison.columns)
    assert (
        base[0]
        == f"sentences 6, 7: only the first {bench.encoder.max_length(None)} tokens are read, the prompt's included"
    )
    assert (
        modules[0]
        == f"sentence 6: only the first {bench.encoder.max_length('deu')} tokens are read, the prompt's included"
    )


def test_every_row_gets_its_own_vector_whatever_the_order(bench: Workbench, names: list[str]) -> None:
    picks = bench.catalog.pick(names)
    columns = [Column("modules"), Column("aligned")]
    straight = compare(bench, ROWS, columns, picks).vectors
    turned = compare(bench, ROWS[::-1], columns, picks).vectors
    assert np.array_equal(straight, turned[:, ::-1])


def test_translation_ranks() -> None:
    rows = [
        Row("eng", "a", "1"),
        Row("deu", "b", "1"),
        Row("deu", "c", "2"),
        Row("deu", "d", "3"),
        Row("tur", "e", "1"),
    ]
    cosines = np.zeros((5, 5))
    cosines[0, 1:4] = 0.5, 0.9, 0.2
    assert translation_rank(rows, cosines, 0, "deu") == 2
    assert translation_rank(rows, cosines, 0, "eng") is None  # the sentence's own language
    assert translation_rank(rows, cosines, 2, "tur") is None  # there is no translation
    assert translation_rank(rows, cosines, 0, "tur") is None  # there is nothing to confuse it with


def test_the_map_is_fitted_jointly_and_keeps_distances_of_a_plane() -> None:
    generator = np.random.default_rng(1)
    plane = generator.normal(size=(2, 10, 2)) @ generator.normal(size=(2, 7))
    points, shares = project(plane)
    assert shares.sum() == pytest.approx(1)
    flat, projected = plane.reshape(20, 7), points.reshape(20, 2)
    distances = [np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (flat, projected)]
    assert np.allclose(*distances)


def test_a_map_of_one_or_equal_points_is_a_map() -> None:
    points, shares = project(np.ones((2, 1, 5), np.float32))
    assert points.shape == (2, 1, 2)
    assert np.isfinite(points).all()
    assert np.isfinite(shares).all()
