from __future__ import annotations

import csv
import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adapters_hub.format import Score
from eval.encoders.opening import Settings, open_encoders
from eval.errors import EvaluationError
from eval.report import Table, scores, text_table, write_report
from eval.report.plots import _style, draw_plots
from eval.results import Result
from eval.tasks.figure import Figure
from tests.adapters_hub.conftest import Shelf, bases, shelf
from tests.eval.encoders import Letters, scored

__all__ = ["bases", "shelf"]  # fixtures


def result(encoder: str, value: float, kind: str = "base", name: str = "cross", **changes: object) -> Result:
    """A result with one mean and one pair of languages; its resamples scatter around the value."""
    samples = value + np.random.default_rng(0).normal(size=200)
    figures = [
        Figure(name, "spearman", value, samples, 100, ("eng", "deu"), (f"{encoder}-1", f"{encoder}-2")),
        Figure(name, "spearman", value, samples, 100),
    ]
    values = {"benchmark": "stsb", "title": "STS", "task": "similarity", "dataset": "a/b", "split": "dev"}
    return Result(encoder, kind, **(values | {"languages": ["eng", "deu"], "figures": figures} | changes))  # type: ignore[arg-type]


def test_the_best_and_what_differs_are_marked() -> None:
    table = Table.of([result("aligned one", 75, "aligned"), result("base one", 70), result("near", 70.001)])
    assert table.encoders == ["base one", "near", "aligned one"]  # bases come first
    assert table.against == "base one"
    best, near, base = (table.cells[name, ("stsb", "cross")] for name in ("aligned one", "near", "base one"))
    assert (best.best, best.significant) == (True, True)
    assert (base.best, base.significant) == (False, False)
    assert near.best is False
    error = Table.of([result("a", 3, name="xsim"), result("b", 5, name="xsim")])
    assert error.cells["a", ("stsb", "xsim")].best  # lower is better


def test_columns_are_in_the_order_of_the_paper() -> None:
    names = ("rsim", "xsim", "mono", "bias", "cross")
    table = Table.of([result("a", 1, name=name, benchmark=name) for name in names])
    assert [kind for _, kind in table.columns] == ["mono", "cross", "xsim", "bias", "rsim"]


def test_benchmarks_of_a_task_stand_in_the_same_order_in_every_part_of_the_table() -> None:
    names = ("stsb", "kardes", "korsts", "sts17")
    results = [result("a", 1, name=kind, benchmark=name) for name in names for kind in ("mono", "cross")]
    assert Table.of(results).columns == [(name, kind) for kind in ("mono", "cross") for name in names]


def test_means_over_other_languages_are_not_compared() -> None:
    with pytest.raises(EvaluationError, match=r"stsb was scored in eng, deu for one encoder and in eng for b"):
        Table.of([result("a", 1), result("b", 1, languages=["eng"])])
    with pytest.raises(EvaluationError, match="no encoder 'c' among a"):
        Table.of([result("a", 1)], against="c")


def test_figures_of_other_data_are_not_put_side_by_side() -> None:
    clone, hub = "stsb-multi-mt/data/stsb-de-dev.csv", "hf://datasets/mteb/stsb_multi_mt@29afa2569dcedaaa/de/dev"
    base = result("base", 70, identity={"data": {clone: "one"}})
    with pytest.raises(
        EvaluationError,
        match=r"^stsb was scored on other data for base \(dev, clone stsb-multi-mt, digest \w+\) than for better "
        r"\(dev, Hub mteb/stsb_multi_mt@29afa2569dce, digest \w+\): run both with the same --data",
    ):
        Table.of([base, result("better", 75, identity={"data": {hub: "one"}})])
    with pytest.raises(EvaluationError, match="other data"):
        Table.of([base, result("better", 75, identity={"data": {clone: "another"}})])
    assert Table.of([base, result("better", 75, identity={"data": {clone: "one"}})]).origins == {
        "stsb": "clone stsb-multi-mt"
    }


def test_a_report_says_where_its_data_came_from_and_what_is_left_out(tmp_path: Path) -> None:
    one = scored(Letters(), "sample-pairs", tmp_path, languages=["eng", "deu"])
    printed = write_report([one], tmp_path, left_out={"flores": "it is far away"})
    assert "dev split: sample-pairs from sample_data" in printed
    assert "Left out: flores; table.md says why" in printed
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "- sample-pairs: sample data, graded pairs; eng, deu; dev split, from sample_data\n" in table
    assert "- flores: left out; it is far away\n" in table
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["data"]["sample-pairs"] == {"from": "sample_data", "read": one.identity["data"]}
    assert list(one.identity["data"]) == ["sample_data/graded/dev.tsv"]
    assert report["left_out"] == {"flores": "it is far away"}


def test_two_encoders_of_one_name_are_not_merged(tmp_path: Path) -> None:
    one, other = (
        result("modules", value, "modules", identity={"vectors": [name], "languages": ["eng", "deu"]})
        for name, value in (("first", 70), ("second", 75))
    )
    with pytest.raises(
        EvaluationError, match=r"^two encoders are called 'modules': give them different names with --encoder NAME=…"
    ):
        write_report([one, other], tmp_path)
    assert list(tmp_path.iterdir()) == []
    # The same encoder in the folders of two runs, with its languages in another order, counts once.
    swapped = {"identity": one.identity | {"languages": ["deu", "eng"]}, "languages": ["deu", "eng"]}
    write_report([one, dataclasses.replace(one, **swapped)], tmp_path)
    assert len((tmp_path / "figures.csv").read_text(encoding="utf-8").splitlines()) == 1 + len(one.figures)


@pytest.mark.parametrize("changed", [{"seed": 1}, {"resamples": 99}])
def test_only_resamples_of_the_same_items_are_compared_in_pairs(changed: dict[str, object]) -> None:
    identity = {"data": {"dev.tsv": "same"}, "seed": 0, "resamples": 200}
    base, better = result("base", 70, identity=identity), result("better", 75, identity=identity | {"vectors": "own"})
    assert Table.of([base, better]).cells["better", ("stsb", "cross")].significant
    better.identity |= changed
    assert not Table.of([base, better]).cells["better", ("stsb", "cross")].significant


def test_the_report_is_written_whole(tmp_path: Path) -> None:
    results = [
        scored(Letters(name), benchmark, tmp_path, languages=["eng", "deu", "tur"])
        for name in ("letters", "more letters")
        for benchmark in ("sample-pairs", "sample-bitext")
    ]
    text = write_report(results, tmp_path / "report")
    assert text_table(results) in text
    markdown = (tmp_path / "report" / "table.md").read_text(encoding="utf-8").splitlines()
    assert len({line.count("|") for line in markdown if line.startswith("|")}) == 1
    with (tmp_path / "report" / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["encoder", "letters", "more letters"]
    assert float(rows[1][1]) == pytest.approx(results[0].mean("mono").value, abs=1e-3)  # type: ignore[union-attr]
    with (tmp_path / "report" / "figures.csv").open(encoding="utf-8", newline="") as file:
        long = list(csv.DictReader(file))
    assert len(long) == sum(len(one.figures) for one in results)
    assert {(line["split"], line["data"]) for line in long} == {("dev", "sample_data")}
    latex = (tmp_path / "report" / "table.tex").read_text(encoding="utf-8")
    assert latex.startswith("\\begin{tabular}{l")
    assert len({line.count("&") for line in latex.splitlines() if "&" in line}) == 1
    plots = {path.stem for path in (tmp_path / "report" / "plots").iterdir()}
    assert plots == {
        "sample-pairs-within-and-across",
        "sample-pairs-map-cross",
        "sample-bitext-map-xsim",
        "sample-bitext-similarities",
        "similarity-and-rsim",
    }
    for name in plots:
        drawn = (tmp_path / "report" / "plots" / f"{name}.svg").read_text(encoding="utf-8")
        assert "<svg" in drawn
        assert ", dev" in drawn
        with Image.open(tmp_path / "report" / "plots" / f"{name}.png") as image:
            assert len(image.convert("RGB").getcolors(1 << 24) or []) > 20  # the image is not blank


def test_a_report_is_of_one_split(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="results of dev and test: choose one with --split"):
        write_report([result("a", 1), result("a", 1, split="test")], tmp_path)
    with pytest.raises(EvaluationError, match="no results of the test split"):
        write_report([result("a", 1)], tmp_path, split="test")


def test_cards_get_every_figure_once_with_its_modules_and_interval(tmp_path: Path) -> None:
    within = Figure("mono", "spearman", 80.0, np.array([79.0, 81.0]), 100, ("deu",), ("m",))
    own = {"encoder": {"base_fingerprint": "b", "as_it_comes": True}}
    base, modules = result("base", 70, facts=own), result("modules", 72, "modules", facts=own)
    aligned = result("aligned", 75, "aligned", facts=own)
    always = {"encoder": own["encoder"] | {"alignment": "always"}}
    for one in (modules, aligned):
        one.figures.append(within)
    records = scores([base, modules, aligned, result("x", 1, "aligned", facts=always)])
    assert [(score.encoder, score.languages, score.value) for score in records] == [
        ("base", ("eng", "deu"), 70),
        ("modules", ("eng", "deu"), 72),
        ("modules", ("deu",), 80),
        ("aligned", ("eng", "deu"), 75),
    ]
    assert records[2].modules == ("m",)
    assert records[2].interval == pytest.approx((79.05, 80.95))
    write_report([base, modules, aligned], tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [Score.from_record(record) for record in report["scores"]] == records


def test_the_base_on_cards_is_the_one_that_the_modules_are_on_with_its_usual_prompt_and_pooling(
    shelf: Shelf, base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    base, other, modules = shelf.base.source, base_folders("bert"), f"mono={shelf.eng.folder},{shelf.deu.folder}"

    def scored_one(specification: object, **changes: Any) -> Result:
        settings = Settings(variants=("mono",), device="cpu", **changes)
        (encoder,) = open_encoders(str(specification), settings)
        return scored(encoder, "sample-bitext", tmp_path, languages=["eng", "deu"], resamples=10)

    untouched, mono = scored_one(f"as it comes={base}"), scored_one(modules)
    touched = [
        scored_one(f"not pooled={base}", prompt="query: ", pooling="mean_without_prompt"),
        scored_one(f"prompted={base}", prompt="query: "),
        scored_one(f"first token={base}", pooling="cls"),
        scored_one(f"full mono={other}"),
    ]
    again = scored_one(f"said outright={base}", prompt="", pooling="mean", precision="bfloat16")
    expected = [(figure.languages, figure.value) for figure in untouched.figures if figure.languages]

    def on_cards(*results: Result) -> list[tuple[tuple[str, ...], float]]:
        return [(score.languages, score.value) for score in scores(results) if score.encoder == "base"]

    for order in ([untouched, again, *touched, mono], [mono, *touched, untouched]):
        assert on_cards(*order) == expected
    assert len(on_cards(*touched, again, mono)) == len(expected)
    assert on_cards(*touched, mono) == []
    # Earlier results do not record whether a base has its usual settings.
    for one in (untouched, touched[0]):
        del one.facts["encoder"]["as_it_comes"]
    assert on_cards(untouched, touched[0], mono) == on_cards(touched[0], untouched, mono) == expected
    # With modules of two bases side by side, a card could not tell whose base a figure belongs to.
    foreign = dataclasses.replace(mono, facts={"encoder": {"base_fingerprint": "another"}})
    assert on_cards(untouched, mono, foreign) == []


def test_pairs_that_all_have_english_are_one_map_of_encoders_by_languages(tmp_path: Path) -> None:
    def mined(encoder: str, *pairs: tuple[str, str]) -> Result:
        figures = [Figure("xsim", "xsim_error", 5.25, np.array([5.0]), 100, pair) for pair in pairs]
        languages = sorted({code for pair in pairs for code in pair})
        return Result(encoder, "base", "tatoeba", "Tatoeba", "mining", "a/b", "dev", languages, figures)

    star = [("deu_Latn", "eng_Latn"), ("kaz_Cyrl", "eng_Latn")]
    drawn = draw_plots([mined("one", *star), mined("two", *star)], tmp_path)
    assert [path.stem for path in drawn] == ["tatoeba-map-xsim"]
    words = (tmp_path / "tatoeba-map-xsim.svg").read_text(encoding="utf-8")
    for word in ("Tatoeba, dev, with eng", "one", "two", "deu", "kaz"):
        assert f"<!-- {word} -->" in words
    assert words.count("<!-- 5.2 -->") == 4
    draw_plots([mined("one", *star, ("deu_Latn", "kaz_Cyrl"))], tmp_path)
    assert ", with eng" not in (tmp_path / "tatoeba-map-xsim.svg").read_text(encoding="utf-8")


def test_every_language_has_a_row_and_every_encoder_its_own_point(tmp_path: Path) -> None:
    codes = ["eng", "deu", "kaz"]

    def scored(encoder: str, value: float) -> Result:
        figures = [
            Figure("mono", "spearman", value + place, np.array([value]), 100, (code,))
            for place, code in enumerate(codes)
        ]
        figures += [
            Figure("cross", "spearman", value - 9, np.array([value]), 100, pair)
            for pair in itertools.combinations(codes, 2)
        ]
        return Result(encoder, "base", "stsb", "STSb", "similarity", "a/b", "dev", codes, figures)

    encoders = [f"encoder {number}" for number in range(12)]
    draw_plots([scored(encoder, 70 + place / 100) for place, encoder in enumerate(encoders)], tmp_path)
    words = (tmp_path / "stsb-within-and-across.svg").read_text(encoding="utf-8")
    assert all(words.count(f"<!-- {word} -->") == 1 for word in (*codes, *encoders))
    assert words.index("<!-- kaz -->") < words.index("<!-- deu -->") < words.index("<!-- eng -->")  # the best is first
    looks = [tuple(_style(place).values()) for place in range(len(encoders))]
    assert len(set(looks)) == len(looks)


def test_modules_of_different_steps_are_drawn_as_growth(tmp_path: Path) -> None:
    def trained(steps: int, value: float) -> Result:
        facts = {"encoder": {"steps": {"eng": {}, "deu": {"la": 10, "se": steps, "cla": 500}}}}
        one = result(f"{steps} steps", value, "modules", facts=facts)
        one.figures.append(Figure("mono", "spearman", value, np.array([value]), 100, ("deu",)))
        return one

    write_report([result("base", 70), trained(20, 72), trained(40, 74), trained(80, 75)], tmp_path)
    assert (tmp_path / "plots" / "stsb-steps.png").is_file()
    drawn = (tmp_path / "plots" / "stsb-steps.svg").read_text(encoding="utf-8")
    assert "deu, within" in drawn
    assert "eng, within" not in drawn
    assert "<!-- 500 -->" not in drawn  # steps of stage 2 are not counted
    write_report([result("base", 70), trained(20, 72), trained(80, 75)], tmp_path)
    assert not (tmp_path / "plots" / "stsb-steps.png").exists()  # two points are not enough for growth


def test_adapters_of_different_steps_are_drawn_as_growth_from_the_modules(tmp_path: Path) -> None:
    def aligned(steps: int, value: float) -> Result:
        facts = {"encoder": {"steps": {"eng": {}, "deu": {"se": 40, "cla": steps}}}}
        return result(f"{steps} steps", value, "aligned", facts=facts)

    write_report(
        [result("modules", 70, "modules"), *(aligned(steps, 70 + steps / 100) for steps in (50, 150, 250))], tmp_path
    )
    drawn = (tmp_path / "plots" / "stsb-alignment-steps.svg").read_text(encoding="utf-8")
    for word in ("deu, with others", "steps of alignment", "(dotted: before alignment)"):
        assert word in drawn
    assert "within" not in drawn.replace("within-and-across", "")  # alignment is off within a language
    assert "<!-- 290 -->" not in drawn  # steps of stage 1 are not counted
    assert not (tmp_path / "plots" / "stsb-steps.png").exists()
