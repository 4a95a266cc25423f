"""The sample evaluation on modules as the stages write them."""

from __future__ import annotations

import json
import math
from pathlib import Path

from tests.conftest import ROOT
from tests.trainer.runs.launch import Stages, execute


def test_it_prints_the_table_and_writes_the_report(launched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("eng", "deu", "deu-eng-both"):
        (folder / name).symlink_to(launched / name)
    done = execute("-m", "eval.sample", folder, "--languages", "eng,deu").ok()
    for words in ("base", "modules", "modules, aligned", "Graded similarity", "eng-deu", "Language bias"):
        assert words in done.stdout
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["languages"] == ["eng", "deu"]
    for name in ("base", "modules", "modules, aligned"):
        scores = report[name]
        assert set(scores["monolingual"]) == {"eng", "deu"}
        assert set(scores["cross_lingual"]) == set(scores["retrieval"]) == {"eng-deu"}
        assert all(math.isfinite(value) for value in [*scores["monolingual"].values(), scores["language_bias"]])
    assert report["base"] != report["modules"]
    assert report["modules"]["monolingual"] == report["modules, aligned"]["monolingual"]
    assert report["modules"]["cross_lingual"] != report["modules, aligned"]["cross_lingual"]
    # The same modules and data: the figures are there already. Other modules: they are made anew.
    written = (folder / "report.json").stat().st_mtime_ns
    assert execute("-m", "eval.sample", folder, "--languages", "eng,deu").ok().stdout == done.stdout
    assert (folder / "report.json").stat().st_mtime_ns == written
    (folder / "deu-eng-both").unlink()
    alone = execute("-m", "eval.sample", folder, "--languages", "eng,deu").ok()
    assert "aligned" not in alone.stdout
    assert (folder / "report.json").stat().st_mtime_ns > written


def test_a_missing_module_is_one_line(launched: Path, stages: Stages) -> None:
    before = sorted(path.name for path in launched.iterdir())
    line = stages.run(ROOT / "eval" / "sample.py", launched, "--languages", "eng,kaz").error_line()
    assert f"{launched} has no module of 'kaz'" in line
    assert sorted(path.name for path in launched.iterdir()) == before
