"""Fixtures of the runs: tiny bases, one server for short processes, finished modules."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.trainer.runs.launch import STAGE1, STAGE2, Stages, accelerate, write_recipe


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return Stages(tmp_path_factory.mktemp("streams"))


@pytest.fixture(scope="session")
def base(base_folders: Callable[[str], Path]) -> Path:
    """A tiny base with dropout."""
    return base_folders("bert")


@pytest.fixture(scope="session")
def calm_base(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same base without dropout, for runs that split a batch in different ways."""
    folder = tmp_path_factory.mktemp("calm") / "bert"
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def modules(stages: Stages, base: Path, once: Callable[..., Path]) -> Path:
    """Finished modules of English and German; tests must not change them."""

    def train(output: Path) -> None:
        recipe = write_recipe(output / "recipe.yaml", base, output, languages=["eng", "deu"])
        stages.run(STAGE1, "--recipe", recipe).ok()

    return once("modules", train)


@pytest.fixture(scope="session")
def launched(base: Path, once: Callable[..., Path]) -> Path:
    """English, German and three alignment adapters, made with `accelerate launch` as in the README."""

    def launch(output: Path) -> None:
        changes = {"languages": ["eng", "deu"], "cla": {"objectives": ["both", "paraphrase", "parallel"]}}
        recipe = write_recipe(output / "recipe.yaml", base, output, **changes)
        for script in (STAGE1, STAGE2):
            accelerate("--config_file", ROOT / "accelerate_config.yaml", script, "--recipe", recipe).ok()

    return once("launched", launch)
