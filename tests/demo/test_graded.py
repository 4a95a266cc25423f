from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from demo.compare.graded import grade, read_pairs, sample_languages, sample_pairs, spearman
from demo.compare.workbench import Workbench
from demo.input.columns import Column
from demo.limits.errors import DemoError
from demo.limits.settings import Limits


def test_spearman_is_that_of_scipy_ties_included() -> None:
    a, b = np.array([1.0, 2, 2, 3, 5, 4]), np.array([2.0, 1, 3, 3, 6, 6])
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic * 100)
    assert spearman(a, np.ones(6)) is None


def test_the_sample_benchmark_is_scored_on_every_composition(bench: Workbench, names: list[str]) -> None:
    assert sample_languages() == ["eng", "deu", "tur", "rus", "kaz"]
    pairs = sample_pairs("dev", "kaz", "eng")
    told = []
    columns = [Column("base"), Column("aligned", "parallel")]
    graded = grade(bench, pairs, columns, bench.catalog.pick(names), lambda share, text: told.append(share))
    assert len(pairs.scores) == 128
    assert [item.column for item in graded] == columns
    assert all(item.cosines.shape == (128,) for item in graded)
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] < 1


def test_an_uploaded_file_is_read() -> None:
    content = b"score,text_1,text_2\n1,a,b\n2.5,c,d\n5,e,f\n"
    pairs = read_pairs("x.csv", content, ("deu", "eng"), Limits())
    assert pairs.scores.tolist() == [1, 2.5, 5]
    assert pairs.second == ["b", "d", "f"]
    assert read_pairs("x.csv", content + b"3,,g\n", ("deu", "eng"), Limits(), "missing").second == pairs.second


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a,b\n1,2\n", "expected columns text_1, text_2 and score, found a, b"),
        (b"score,text_1,text_2\nx,a,b\n", "line 2: expected a number as score, found 'x'"),
        (b"score,text_1,text_2\nnan,a,b\n", "line 2: expected two sentences"),
        (b"score,text_1,text_2\n1,a,\n1,a,b\n1,,\n", "lines 2, 4: no text: add it, or choose to leave out"),
        (b"score,text_1,text_2\n1,a,b\n", "at least 3"),
        (b"score,text_1,text_2\n" + b"1,a,b\n" * 301, "301 pairs, up to 300"),
    ],
)
def test_files_that_do_not_fit_are_refused(content: bytes, says: str) -> None:
    with pytest.raises(DemoError, match=says):
        read_pairs("x.csv", content, ("deu", "eng"), Limits())


def test_only_the_sample_benchmark_can_be_named() -> None:
    with pytest.raises(DemoError, match="the splits dev, test"):
        sample_pairs("../meanings/test", "deu", "eng")
