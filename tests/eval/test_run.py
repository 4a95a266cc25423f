from __future__ import annotations

import dataclasses
import itertools
import logging
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from eval.benchmarks import BENCHMARKS, find_benchmarks
from eval.benchmarks.data import Bitext, Choice, GradedPairs, Similarity
from eval.benchmarks.hub import Hub
from eval.encoders import CachedEncoder
from eval.errors import EvaluationError
from eval.report import write_report
from eval.results import Result, read_results
from eval.run import Run, run
from eval.tasks import Figure, score
from tests.eval.benchmarks.clones import write_clones
from tests.eval.encoders import Letters, scored


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clones(tmp_path_factory.mktemp("clones"))


def means(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures if not figure.languages}


def test_similarity_is_scored_for_every_language_and_every_pair_both_ways_averaged(tmp_path: Path) -> None:
    languages = ["eng", "deu", "tur"]
    result = scored(Letters(), "sample-pairs", tmp_path, languages=languages)
    assert [figure.languages for figure in result.of("mono")] == [(code,) for code in languages]
    assert {frozenset(figure.languages) for figure in result.of("cross")} == {
        frozenset(pair) for pair in itertools.combinations(languages, 2)
    }
    data = BENCHMARKS["sample-pairs"].load(languages, "dev", *BENCHMARKS["sample-pairs"].sources(None, Hub()))
    assert isinstance(data, Similarity)
    encode = CachedEncoder(Letters(), None)

    def direct(a: str, b: str) -> float:
        pairs = data.pairs[a, b]
        cosines = (encode(pairs.first, a) * encode(pairs.second, b)).sum(axis=1)
        return 100 * float(spearmanr(cosines, pairs.gold).statistic)

    values = {figure.languages: figure.value for figure in result.figures if figure.languages}
    assert values[("tur",)] == pytest.approx(direct("tur", "tur"), abs=1e-3)
    cross = next(figure for figure in result.of("cross") if set(figure.languages) == {"eng", "deu"})
    assert cross.value == pytest.approx((direct("eng", "deu") + direct("deu", "eng")) / 2, abs=1e-3)
    mean = result.mean("cross")
    assert mean is not None
    assert mean.value == pytest.approx(np.mean([figure.value for figure in result.of("cross")]))


def test_every_figure_has_an_interval_around_it(clones: Path, tmp_path: Path) -> None:
    for benchmark in ("sample-pairs", "stsb", "sib200", "flores", "tatoeba"):
        languages = ["eng", "kaz", "zho"] if benchmark != "stsb" else ["eng", "deu"]
        chosen = languages if "sample" not in benchmark else ["eng", "kaz"]
        result = scored(Letters(), benchmark, tmp_path, clones, resamples=100, languages=chosen)
        assert result.figures
        for figure in result.figures:
            low, high = figure.interval
            assert low <= high
            assert np.isfinite([low, high, figure.value]).all()


def test_an_encoder_of_grades_is_perfect_and_without_bias() -> None:
    """Places each second sentence at an angle to the first that reflects its grade."""
    gold = np.arange(20.0)
    sentences = [f"{row:02}" for row in range(20)]
    data = Similarity.crossed({code: GradedPairs(["-1"] * 20, sentences, gold) for code in ("eng", "deu", "tur")})

    def grade(vectors: np.ndarray, language: str, across: bool) -> np.ndarray:
        texts = encoder.calls[-1][2]
        angles = [0.0 if text == "-1" else (20 - int(text)) / 20 for text in texts]
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    encoder = Letters(change=grade)
    figures = {
        figure.name: figure for figure in score(data, CachedEncoder(encoder, None), 20, 0) if not figure.languages
    }
    assert figures["mono"].value == pytest.approx(100)
    assert figures["cross"].value == pytest.approx(100)
    assert figures["bias"].value == pytest.approx(0, abs=1e-6)


def test_alignment_is_used_across_languages_and_not_within(clones: Path, tmp_path: Path) -> None:
    for benchmark in ("sample-pairs", "sib200"):
        encoder = Letters(benchmark)
        scored(encoder, benchmark, tmp_path, clones, languages=["eng", "kaz"])
        assert {across for _, across, _ in encoder.calls} == {True, False}
    for benchmark in ("sample-bitext", "tatoeba"):
        encoder = Letters(benchmark)
        scored(encoder, benchmark, tmp_path, clones, languages=["eng", "kaz"])
        assert {across for _, across, _ in encoder.calls} == {True}


def test_mining_finds_every_translation_of_an_encoder_of_meanings_and_shapes_agree() -> None:
    sentences = {code: [f"{code} {row}" for row in range(30)] for code in ("eng", "deu", "tur")}
    places = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)

    def meaning(vectors: np.ndarray, language: str, across: bool) -> np.ndarray:
        return places[[int(text.split()[1]) for text in encoder.calls[-1][2]]]

    encoder = Letters(change=meaning)
    figures = {
        f.name: f for f in score(Bitext.of_all(sentences), CachedEncoder(encoder, None), 20, 0) if not f.languages
    }
    assert figures["xsim"].value == 0
    assert figures["rsim"].value == pytest.approx(1, abs=1e-5)


def test_choice_takes_the_answer_nearest_to_the_passage() -> None:
    passages = {"eng": ["aaa", "bbb"], "deu": ["aab", "bba"]}
    candidates = {code: [["aaa", "bbb", "ccc", "ddd"], ["ccc", "ddd", "aaa", "bbb"]] for code in passages}
    encoder = CachedEncoder(Letters(), None)
    figures = score(Choice(passages, candidates, np.array([0, 3])), encoder, 20, 0)
    assert {(figure.name, figure.languages): figure.value for figure in figures} == {
        ("mono", ("eng",)): 100,
        ("mono", ("deu",)): 100,
        ("cross", ("eng", "deu")): 100,
        ("mono", ()): 100,
        ("cross", ()): 100,
    }


def test_a_constant_gold_column_is_refused_by_name() -> None:
    data = Similarity({("deu", "deu"): GradedPairs(["ab", "b"], ["a", "d"], np.array([3.0, 3.0]))}, parallel=False)
    with pytest.raises(EvaluationError, match="deu-deu cannot be scored: .* grades that vary"):
        score(data, CachedEncoder(Letters(), None), 20, 0)


def test_a_finished_benchmark_is_skipped_until_something_that_matters_changes(tmp_path: Path) -> None:
    first = scored(Letters(), "sample-bitext", tmp_path, languages=["eng", "deu"])
    again = Letters()
    second = scored(again, "sample-bitext", tmp_path, languages=["eng", "deu"])
    assert again.calls == []
    assert second.facts == first.facts
    for change in ({"seed": 1}, {"languages": ["eng", "tur"]}, {"resamples": 51}, {"again": True}):
        other = Letters()
        scored(other, "sample-bitext", tmp_path, **{"languages": ["eng", "deu"], **change})
        assert other.calls, change


def test_the_same_run_gives_the_same_figures_and_intervals(tmp_path: Path) -> None:
    one = scored(Letters(), "sample-pairs", tmp_path / "one", languages=["eng", "deu"])
    two = scored(Letters(), "sample-pairs", tmp_path / "two", languages=["eng", "deu"])
    assert [(f.value, f.interval) for f in one.figures] == [(f.value, f.interval) for f in two.figures]


def test_a_result_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = scored(Letters(), "sample-bitext", tmp_path, languages=["eng", "deu"])
    (read,) = read_results([tmp_path])
    assert [(f.name, f.languages, f.size) for f in read.figures] == [
        (f.name, f.languages, f.size) for f in written.figures
    ]
    for a, b in zip(read.figures, written.figures, strict=True):
        assert (a.name, a.languages, a.size) == (b.name, b.languages, b.size)
        assert (a.value, a.interval) == (pytest.approx(b.value, abs=1e-5), pytest.approx(b.interval, abs=1e-5))
    mean = read.mean("xsim")
    assert mean is not None
    assert len(mean.samples) == 50
    assert set(read.facts) >= {"encoder", "versions", "seconds", "sentences_encoded", "sentences_per_second", "commit"}
    assert sum(read.histograms["parallel"]) == pytest.approx(1, abs=1e-3)
    path = tmp_path / "results" / "letters" / "sample-bitext-dev.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"format": 1', '"format": 99'), encoding="utf-8")
    with pytest.raises(EvaluationError, match="is not a result of an evaluation"):
        Result.read(path)


def test_results_are_read_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    for place, name in enumerate(("z", "a", "m")):
        made = scored(Letters(name), "sample-bitext", tmp_path / "run", languages=["eng", "deu"])
        made.facts["finished"] = f"2026-01-01T00:00:0{place}+00:00"
        made.write(tmp_path / "run")
    scored(Letters("first"), "sample-bitext", tmp_path / "other", languages=["eng", "deu"])
    found = read_results([tmp_path / "other", tmp_path / "run"])
    assert [result.encoder for result in found] == ["first", "z", "a", "m"]


def test_what_is_wrong_is_told_with_the_benchmark_that_it_is_wrong_in(tmp_path: Path) -> None:
    clones = write_clones(tmp_path / "clones")
    path = clones / "stsb-multi-mt/data/stsb-de-dev.csv"
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(rows[1:]), encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"^stsb: a parallel benchmark needs .* \{'eng': 6, 'deu': 5\}"):
        scored(Letters(), "stsb", tmp_path, clones, languages=["eng", "deu"])
    path.write_text("One.,Two.,3\n" * 4, encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"^stsb: deu-deu cannot be scored: "):
        scored(Letters(), "stsb", tmp_path, clones, languages=["deu"])


def test_languages_that_are_missing_are_named(clones: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    benchmarks = find_benchmarks(["stsb", "sib200"])
    settings = Run(benchmarks, "dev", tmp_path, ["eng", "deu", "kaz"], clones, resamples=10)
    with caplog.at_level(logging.WARNING):
        result, _ = run([Letters()], settings).results
    assert result.languages == ["eng", "deu"]
    assert "stsb lacks kaz" in caplog.text
    encoder = Letters("new")
    with pytest.raises(EvaluationError, match=r"^none of stsb, sib200 has kzz, deo: python -m eval benchmarks lists"):
        run([encoder], dataclasses.replace(settings, languages=["eng", "kzz", "kaz", "deo"]))
    assert encoder.calls == []
    with pytest.raises(EvaluationError, match=r"^stsb: it has none of amh; it has eng, deu"):
        scored(Letters(languages=["amh"]), "stsb", tmp_path, clones)
    with pytest.raises(EvaluationError, match=r"letters has no module of eng \(it has deu\)"):
        scored(Letters(languages=["deu"]), "stsb", tmp_path, clones, languages=["eng", "deu"])


def test_encoders_side_by_side_are_scored_in_the_languages_that_all_have(tmp_path: Path) -> None:
    settings = Run(find_benchmarks(["sample-bitext"]), "dev", tmp_path, resamples=10)
    some = [
        Letters("any"),
        Letters("some", languages=["kaz_Cyrl", "eng", "deu"]),
        Letters("others", languages=["deu", "tur", "kaz"]),
    ]
    for languages in (None, ["all"]):
        results = run(iter(some), dataclasses.replace(settings, languages=languages)).results
        assert [sorted(result.languages) for result in results] == [["deu", "kaz"]] * 3
        write_report(results, tmp_path)  # this refuses means over different languages
    assert run(some[:1], settings).results[0].languages == ["eng", "deu", "tur", "kaz", "rus"]
    with pytest.raises(EvaluationError, match=r"no language in common \(any: any; some: .*; last: hau\)"):
        run([*some[:2], Letters("last", languages=["hau"])], settings)


@pytest.mark.parametrize(
    ("names", "called"),
    [
        (("modules", "modules"), "'modules'"),
        (("mine, new", "mine_new"), "'mine, new' and 'mine_new', which is one folder"),
    ],
)
def test_two_encoders_of_one_name_are_refused_before_any_is_scored(
    names: tuple[str, str], called: str, tmp_path: Path
) -> None:
    encoders = [Letters(name) for name in names]
    for languages in (None, ["eng", "deu"]):
        settings = Run(find_benchmarks(["sample-bitext"]), "dev", tmp_path, languages, resamples=10)
        with pytest.raises(
            EvaluationError,
            match=f"^two encoders are called {called}: give them different names with --encoder NAME=…$",
        ):
            run(encoders, settings)
    assert all(encoder.calls == [] for encoder in encoders)
    assert list(tmp_path.iterdir()) == []


def test_results_of_a_name_that_has_the_same_folder_are_not_overwritten(tmp_path: Path) -> None:
    first = scored(Letters("letters, cut"), "sample-bitext", tmp_path, languages=["eng", "deu"])
    other = Letters("letters: cut")
    with pytest.raises(EvaluationError, match="holds the results of 'letters, cut', not of 'letters: cut': give the"):
        scored(other, "sample-bitext", tmp_path, languages=["eng", "deu"])
    assert other.calls == []
    assert [(result.encoder, result.facts) for result in read_results([tmp_path])] == [("letters, cut", first.facts)]


def test_an_encoder_with_modules_is_scored_in_the_languages_it_has(clones: Path, tmp_path: Path) -> None:
    result = scored(Letters(languages=["kaz_Cyrl", "eng", "amh"]), "sib200", tmp_path, clones)
    assert result.languages == ["kaz_Cyrl", "eng_Latn"]
