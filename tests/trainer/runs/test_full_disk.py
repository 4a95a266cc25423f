"""A full disk gives one line, and existing files stay. The system refuses to let files grow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from adapters_hub import LanguageModule
from tests.trainer.runs.launch import STAGE1, Stages, contents, weights, write_recipe

# Bytes: the embeddings of 300 tokens take 19,200 in a module, 38,400 in a checkpoint, twice that in the optimizer.
LIMITS = {"the vocabulary": 8_000, "the weights of a checkpoint": 30_000, "the optimizer of a checkpoint": 60_000}


@pytest.fixture(scope="module", autouse=True)
def _warm(base: Path, stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The inputs of the runs are already in the cache, so the limits apply only to outputs."""
    folder = tmp_path_factory.mktemp("warm")
    stages.run(STAGE1, "--recipe", write_recipe(folder / "recipe.yaml", base, folder)).ok()


@pytest.mark.parametrize("what", LIMITS)
def test_a_full_disk_in_a_phase_is_one_line_and_the_run_goes_on_with_room(
    what: str, modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path)
    line = stages.run(STAGE1, "--recipe", recipe, file_limit=LIMITS[what]).error_line()
    assert str(tmp_path / "unfinished" / "deu") in line
    assert "File too large" in line or "optimizer" in what  # torch's writer does not give the reason
    assert not (tmp_path / "deu").exists()
    assert not list(tmp_path.glob("**/.*"))
    assert (what == "the vocabulary") != (tmp_path / "unfinished" / "deu" / "vocabulary" / "result").is_dir()
    stages.run(STAGE1, "--recipe", recipe).ok()
    assert weights(tmp_path / "deu") == weights(modules / "deu")


def test_a_full_disk_while_a_module_is_replaced_leaves_the_old_one(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    shutil.copytree(modules / "deu", tmp_path / "deu")
    before = contents(tmp_path / "deu")
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, overwrite=True, se={"scale": 5.0})
    stages.run(STAGE1, "--recipe", recipe, "--stop_after", "se").ok()
    line = stages.run(STAGE1, "--recipe", recipe, file_limit=8_000).error_line()
    assert f"{tmp_path / 'deu'} was not written" in line
    assert "untouched" in line
    assert contents(tmp_path / "deu") == before
    stages.run(STAGE1, "--recipe", recipe).ok()
    LanguageModule.load(tmp_path / "deu")
    assert contents(tmp_path / "deu") != before
