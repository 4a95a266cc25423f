"""Data from clones and the Hub: which source is used, what is left out, and what the log says."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eval import __main__ as command_line
from eval.benchmarks import GROUPS, find_benchmarks
from eval.benchmarks.hub import Hub
from eval.encoders import opening
from eval.errors import EvaluationError
from eval.run import Outcome, Run, run
from tests.eval.benchmarks.clones import write_clones
from tests.eval.benchmarks.hub import COLUMNS, Asked, asked
from tests.eval.encoders import Letters

__all__ = ["asked"]  # a fixture


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    return write_clones(tmp_path / "clones")


def score(names: list[str], folder: Path, data: Path | None, **settings: Any) -> Outcome:
    values = {"split": "dev", "languages": ["eng", "kaz"], "resamples": 10} | settings
    return run([Letters()], Run(find_benchmarks(names), output=folder, data=data, **values))


def origins(outcome: Outcome) -> dict[str, str]:
    return {result.benchmark: result.origin for result in outcome.results}


def test_each_benchmark_of_the_paper_is_taken_from_where_it_is(
    clones: Path, asked: Asked, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for gone in ("stsb-multi-mt", "sib-200", "SICK", "sick_nl", "polish-sentence-evaluation", "LASER"):
        shutil.rmtree(clones / gone)
    monkeypatch.delitem(COLUMNS, "mteb/sib200")
    with caplog.at_level(logging.INFO, "eval"):
        outcome = score(["paper"], tmp_path, clones)
    assert origins(outcome) == {
        "stsb": "Hub mteb/stsb_multi_mt@29afa2569dce",
        "kardes": "clone Kardes-NLU",
        "sick": "Hub maximedb/sick_nl@unknown",
        "semrel": "clone Semantic_Relatedness_SemEval2024",
        "flores": "clone flores200_dataset",
    }
    assert {path for path, *_ in asked} == {"mteb/stsb_multi_mt", "maximedb/sick_nl", "mteb/sib200"}
    assert list(outcome.left_out) == ["sib200", "tatoeba"]
    for line in (
        "stsb: eng; from Hub mteb/stsb_multi_mt@29afa2569dce",
        "kardes: eng, kaz; from clone Kardes-NLU",
        "stsb lacks kaz",
        "sib200 is left out: the data folder has no sib-200/data/annotated/*/dev.tsv; mteb/sib200 (eng_Latn, train) "
        "cannot be fetched: no mteb/sib200; git clone https://github.com/dadelani/sib-200 into the data folder",
        "tatoeba is left out: the data folder has no LASER/data/tatoeba/v1/tatoeba.*-eng.*; it has no dev split on the "
        "Hub, only test; git clone https://github.com/facebookresearch/LASER into the data folder",
    ):
        assert line in caplog.messages


def test_without_a_folder_what_is_not_on_the_hub_is_left_out(asked: Asked, tmp_path: Path) -> None:
    outcome = score(["paper"], tmp_path, None, split="test")
    assert [result.benchmark for result in outcome.results] == [
        name for name in GROUPS["paper"] if name not in ("kardes",)
    ]
    assert all(origin.startswith("Hub ") for origin in origins(outcome).values())
    assert outcome.left_out == {
        "kardes": "it is not on the Hub; git clone https://github.com/lksenel/Kardes-NLU into the data folder, and "
        "name that with --data FOLDER"
    }


def test_a_clone_without_the_split_or_the_languages_gives_way_to_the_hub(
    clones: Path, asked: Asked, tmp_path: Path
) -> None:
    assert origins(score(["stsb"], tmp_path, clones, languages=["eng"])) == {"stsb": "clone stsb-multi-mt"}
    for other in ({"languages": ["fra"]}, {"languages": ["eng"], "split": "test"}):
        assert origins(score(["stsb"], tmp_path, clones, **other)) == {"stsb": "Hub mteb/stsb_multi_mt@29afa2569dce"}


def test_a_language_whose_file_is_missing_is_left_out_by_name(
    clones: Path, asked: Asked, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (clones / "stsb-multi-mt/data/stsb-de-dev.csv").unlink()
    (result,) = score(["stsb"], tmp_path, clones, languages=["eng", "deu", "rus", "fra"]).results
    assert result.languages == ["eng", "rus"]
    assert not asked  # each benchmark uses a single source
    assert (
        "stsb: deu, fra left out, the data folder has no stsb-multi-mt/data/stsb-de-dev.csv: "
        "git clone https://github.com/PhilipMay/stsb-multi-mt into the data folder"
    ) in caplog.messages


def test_a_language_that_the_hub_lacks_is_named_with_where_it_is(
    asked: Asked, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (result,) = score(["sick"], tmp_path, None, languages=["eng", "spa"]).results
    assert result.languages == ["eng"]
    how = "spa: put a Spanish translation with the columns of SICK.txt into SICK in the data folder"
    assert f"sick: spa left out, not on the Hub: {how}" in caplog.messages
    with pytest.raises(EvaluationError, match=f"^sick: it has none of spa; it has eng, nld, pol; {how}, and name that"):
        score(["sick"], tmp_path, None, languages=["spa"])


def test_a_split_that_files_do_not_name_is_taken_on_trust_and_that_is_said(
    clones: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for split in ("dev", "test"):
        score(["tatoeba"], tmp_path, clones, split=split)
        assert f"tatoeba: its files do not say which split they belong to; treated as {split}" in caplog.messages


def test_data_that_does_not_fit_is_no_reason_to_take_other_data(clones: Path, asked: Asked, tmp_path: Path) -> None:
    (clones / "stsb-multi-mt/data/stsb-en-dev.csv").write_text("One.,Two.,many\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"^stsb: .*the grade 'many' is not a number"):
        score(["paper"], tmp_path, clones)
    assert not asked


def test_nothing_to_score_is_an_error_with_a_reason_for_each(
    asked: Asked, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "silence", "does not answer")
    for dataset in list(COLUMNS):
        monkeypatch.delitem(COLUMNS, dataset)
    with pytest.raises(EvaluationError, match="^nothing can be scored: the lines above say what is missing$"):
        score(["paper"], tmp_path, tmp_path)
    assert len([line for line in caplog.messages if " is left out: " in line]) == len(GROUPS["paper"])
    with pytest.raises(EvaluationError, match=r"^kardes: the data folder has no .*; it is not on the Hub; git clone "):
        score(["kardes"], tmp_path, tmp_path)
    with pytest.raises(EvaluationError, match=r"^tatoeba: finding translations needs at least two"):
        score(["tatoeba"], tmp_path, write_clones(tmp_path / "more"), languages=["eng"])


def test_the_same_benchmark_from_another_place_is_scored_again(clones: Path, asked: Asked, tmp_path: Path) -> None:
    one = score(["semrel"], tmp_path, clones, languages=["eng"])
    shutil.rmtree(clones / "Semantic_Relatedness_SemEval2024")
    other = score(["semrel"], tmp_path, clones, languages=["eng"])
    assert origins(one) != origins(other)
    assert one.results[0].identity["data"] != other.results[0].identity["data"]
    again = score(["semrel"], tmp_path, clones, languages=["eng"])
    assert again.results[0].facts == other.results[0].facts  # the earlier result is reused


@pytest.mark.parametrize(("named", "code"), [("dev", 0), ("dev,kardes", 1)])
def test_the_command_fails_in_the_end_where_a_benchmark_was_asked_for_by_its_name(
    clones: Path, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, code: int
) -> None:
    shutil.rmtree(clones / "Kardes-NLU")
    monkeypatch.setattr(opening, "open_encoders", lambda *_: iter([Letters()]))
    options = ["--encoder", "letters", "--benchmarks", named, "--data", clones, "--languages", "eng,kaz"]
    output = tmp_path / "evaluation"
    done = CliRunner().invoke(
        command_line.app, ["run", *map(str, options), "--output", str(output), "--no-cache", "--resamples", "10"]
    )
    assert (done.exit_code, bool(done.exception)) == (code, bool(code)), done.output
    assert "Left out: kardes; table.md says why" in done.output
    assert "stsb from clone stsb-multi-mt; semrel from clone" in " ".join(done.output.split())
    assert "- kardes: left out; the data folder has no Kardes-NLU/" in (output / "table.md").read_text(encoding="utf-8")
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert list(report["left_out"]) == ["kardes"]
    assert report["data"]["sib200"]["from"] == "clone sib-200"
    if code:
        assert isinstance(done.exception, EvaluationError)
        assert str(done.exception).startswith("not scored: kardes: the data folder has no Kardes-NLU/")
