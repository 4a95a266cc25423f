"""The recipe of `make quickstart` on the real packaged base, with one step per phase of stage 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters_hub import ModularEncoder
from tests.trainer.runs.launch import STAGE1, Stages
from trainer.settings import RECIPES

SHORT = [
    f"--{phase}.training.{name}={value}"
    for phase in ("la", "se")
    for name, value in (("max_steps", 1), ("save_steps", 1), ("per_device_train_batch_size", 4))
]


@pytest.mark.packaged
def test_the_quickstart_trains_on_the_packaged_base(stages: Stages, tmp_path: Path) -> None:
    recipe = RECIPES / "quickstart.yaml"
    stages.run(STAGE1, "--recipe", recipe, "--output_dir", tmp_path, "--languages", "deu", *SHORT).ok()
    encoder = ModularEncoder(modules=[tmp_path / "deu"])
    sentences = ["Der Zug fährt um drei Uhr ab.", "Die Suppe ist noch heiß."]
    german, base = encoder.encode(sentences, "deu"), encoder.encode(sentences, None)
    assert np.isfinite(german).all()
    assert (german * base).sum(axis=1).min() > 0.8  # one or two steps from the base, which has the same tokens
