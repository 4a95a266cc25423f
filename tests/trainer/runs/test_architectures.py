"""Both stages on every architecture, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adapters_hub import ModularEncoder, load_base
from tests.conftest import ARCHITECTURES
from tests.trainer.runs.launch import training, write_recipe
from trainer.parsing import parse_recipe
from trainer.stage1 import Stage1
from trainer.stage2 import Stage2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_both_stages_run_and_compose(architecture: str, base_folders: Callable[[str], Path], tmp_path: Path) -> None:
    short = {"training": training(steps=2, use_cpu=True)}
    path = write_recipe(tmp_path / "recipe.yaml", base_folders(architecture), tmp_path, la=short, se=short, cla=short)
    recipe = parse_recipe("stage", "", ["--recipe", str(path)])
    base = load_base(recipe.base)
    before = {name: tensor.clone() for name, tensor in base.backbone.state_dict().items()}
    for language in ("eng", "deu"):
        Stage1(recipe, language, base).run(tmp_path / language)
    Stage2(recipe, "deu", "both", base).run(tmp_path / "deu-eng-both")

    after = base.backbone.state_dict()
    assert after.keys() == before.keys()
    assert all(bool((after[name] == tensor).all()) for name, tensor in before.items())
    encoder = ModularEncoder(modules=[tmp_path / "eng", tmp_path / "deu", tmp_path / "deu-eng-both"], device="cpu")
    text = "Guten Morgen!"
    vectors = [encoder.encode(text, None), encoder.encode(text, "deu"), encoder.encode(text, "deu", align=True)]
    assert all(np.isfinite(vector).all() for vector in vectors)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-4
    assert np.abs(vectors[1] - vectors[2]).max() > 1e-5
