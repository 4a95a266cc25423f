"""Evaluation from the command line of modules that the stages wrote."""

from __future__ import annotations

import json
import math
from pathlib import Path

from adapters_hub.format import read_manifest, read_scores, scores_of
from tests.trainer.runs.launch import EVAL, Completed, Stages


def evaluated(stages: Stages, folder: Path, *options: str) -> Completed:
    chosen = ("--languages", "eng,deu", "--resamples", "20", "--cache", str(folder / "vectors"))
    return stages.run(EVAL, "run", "--encoder", folder, *chosen, "--output", folder / "evaluation", *options)


def test_what_each_stage_bought_is_printed_and_written_for_the_cards(
    launched: Path, stages: Stages, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("eng", "deu", "deu-eng-both"):
        (folder / name).symlink_to(launched / name)
    done = evaluated(stages, folder, "--variants", "base,mono,aligned").ok()
    for words in (
        "base",
        "modules",
        "modules, aligned",
        "Within languages",
        "Across languages",
        "Language bias",
        "RSIM",
    ):
        assert words in done.stdout
    scores = read_scores(folder / "evaluation" / "report.json")
    assert {score.encoder for score in scores} == {"base", "modules", "aligned"}
    assert all(math.isfinite(score.value) and score.interval for score in scores)
    adapter = read_manifest(folder / "deu-eng-both")
    own = scores_of(adapter, scores)
    assert {score.encoder for score in own} == {"base", "modules", "aligned"}
    values = {score.encoder: score.value for score in own if score.metric == "spearman"}
    assert len(set(values.values())) == 3
    # With the same modules and data, the figures are reused.
    paths = sorted((folder / "evaluation" / "results").rglob("*.json"))
    written = [path.stat().st_mtime_ns for path in paths]
    assert evaluated(stages, folder, "--variants", "base,mono,aligned").ok().stdout == done.stdout
    assert [path.stat().st_mtime_ns for path in paths] == written
    # Without the adapter there is nothing to align.
    (folder / "deu-eng-both").unlink()
    result = evaluated(stages, folder, "--variants", "mono,aligned").ok()
    assert "aligned" not in result.stdout.partition("In ")[0]
    facts = json.loads(paths[0].read_text(encoding="utf-8"))["facts"]
    assert facts["sentences_encoded"] > 0


def test_mistakes_are_one_line(launched: Path, stages: Stages) -> None:
    before = sorted(path.name for path in launched.iterdir())
    for options, words in (
        (("--languages", "eng,kaz"), "has no module of kaz (it has"),
        (("--benchmarks", "simple"), "there is no benchmark 'simple'; there are sample"),
        (("--split", "train"), "--split must be one of dev, test, not 'train'"),
        (("--data", "/nowhere"), "no folder with benchmark data at /nowhere"),
        (
            ("--encoder", launched),
            "two encoders are called 'modules, aligned': give them different names with --encoder NAME=…",
        ),
        (("--variants", "best"), "--variants must be one of base, mono, aligned, always, not 'best'"),
    ):
        done = stages.run(EVAL, "run", "--encoder", launched, "--no-cache", *options)
        assert done.code == 1
        assert "Traceback" not in done.stderr
        assert words in done.stderr.splitlines()[-1]
    assert "no results in" in stages.run(EVAL, "report", launched / "deu").stderr
    assert sorted(path.name for path in launched.iterdir()) == before
