"""Modules whose training starts from modules of a related language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from adapters_hub import ModularEncoder
from adapters_hub.modules import LoRA
from tests.trainer.runs.launch import STAGE1, STAGE2, Stages, manifest, training, weights, write_recipe

SOON = {"max_steps": 1, "learning_rate": 1e-9}


@pytest.mark.parametrize(("phase", "part"), [("la", "language_adapter"), ("se", "sentence_adapter")])
def test_a_lora_starts_from_that_of_another_language(
    phase: str, part: str, modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    section: dict[str, Any] = {"lora": {"rank": 2, "start": str(modules / "eng")}, "training": training(**SOON)}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **{phase: section})
    stages.run(STAGE1, "--recipe", recipe).ok()
    start, end = (LoRA.read(folder / part).factors for folder in (modules / "eng", tmp_path / "deu"))
    assert start.keys() == end.keys()
    for name, pair in start.items():
        for factor, trained in zip(pair, end[name], strict=True):
            np.testing.assert_allclose(factor, trained, atol=1e-6)
    settings = manifest(tmp_path / "deu")["training"]["settings"][phase]
    assert settings["start_module"] == manifest(modules / "eng")["fingerprint"]


def test_an_adapter_starts_from_that_of_another_language(
    launched: Path, modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    other = launched / "deu-eng-both"
    changes = {"modules_dir": str(modules), "cla": {"start": str(other), "training": training(**SOON)}}
    stages.run(STAGE2, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)).ok()
    encoder = ModularEncoder(modules=[modules / "deu", modules / "eng", tmp_path / "deu-eng-both"])
    assert (
        encoder.manifest("deu", "both").training["settings"]["cla"]["start_adapter"] == manifest(other)["fingerprint"]
    )
    start, end = (load_file(folder / "adapter_model.safetensors") for folder in (other, tmp_path / "deu-eng-both"))
    for name, tensor in start.items():
        np.testing.assert_allclose(tensor, end[name], atol=1e-6)
        assert np.abs(tensor).max() > 0 or "bias" in name


def test_a_lora_of_another_rank_is_refused(modules: Path, base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"se": {"lora": {"rank": 3, "start": str(modules / "eng")}}, "phases": ["vocabulary", "se"]}
    error = stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "r.yaml", base, tmp_path, **changes)).error_line()
    assert "a LoRA of rank 2 and alpha 16 cannot start one of rank 3 and alpha 16" in error


def test_an_adapter_of_another_size_is_refused(
    launched: Path, modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    cla = {"start": str(launched / "deu-eng-both"), "reduction_factor": 4}
    changes = {"modules_dir": str(modules), "cla": cla}
    error = stages.run(STAGE2, "--recipe", write_recipe(tmp_path / "r.yaml", base, tmp_path, **changes)).error_line()
    assert "cla.start" in error


def test_a_graded_adapter_is_trained_on_translations(modules: Path, base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"modules_dir": str(modules), "cla": {"objectives": ["graded"]}}
    stages.run(STAGE2, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)).ok()
    values = manifest(tmp_path / "deu-eng-graded")
    assert values["training"]["phases"]["cla"]["rows"] == {"deu graded": 40}
    assert "paraphrase" not in values["training"]["settings"]["cla"]
    encoder = ModularEncoder(modules=[modules / "deu", modules / "eng", tmp_path / "deu-eng-graded"])
    assert np.abs(encoder.encode("Guten Tag!", "deu", align=True) - encoder.encode("Guten Tag!", "deu")).max() > 1e-5
    assert weights(tmp_path / "deu-eng-graded")


def test_a_balanced_adapter_is_graded_and_parallel_in_turn(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    cla = {"objectives": ["graded", "balanced"], "training": training(steps=6)}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, modules_dir=str(modules), cla=cla)
    stages.run(STAGE2, "--recipe", recipe).ok()
    values = manifest(tmp_path / "deu-eng-balanced")
    assert values["training"]["phases"]["cla"]["rows"] == {"deu graded": 40, "deu parallel": 40}
    assert weights(tmp_path / "deu-eng-balanced") != weights(tmp_path / "deu-eng-graded")


def test_pairs_of_related_languages_are_learnt_along(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"phases": ["vocabulary"], "vocabulary": {"strategy": "keep"}, "languages": ["eng", "deu"]}
    recipe = write_recipe(tmp_path / "keep.yaml", base, tmp_path, **changes)
    stages.run(STAGE1, "--recipe", recipe).ok()
    cla = {"objectives": ["both", "graded"], "related": ["kaz", "deu", "tur"], "training": training(steps=6)}
    stages.run(STAGE2, "--recipe", write_recipe(tmp_path / "r.yaml", base, tmp_path, **changes | {"cla": cla})).ok()
    rows = {
        name: manifest(tmp_path / f"deu-eng-{name}")["training"]["phases"]["cla"]["rows"] for name in ("both", "graded")
    }
    codes = ("deu", "kaz", "tur")
    assert rows["graded"] == {f"{code} graded": 40 for code in codes}  # a language does not take its own rows twice
    assert rows["both"] == {"deu paraphrase": 40} | {f"{code} parallel": 40 for code in codes}
    used = [(entry["use"], entry["columns"][1]) for entry in manifest(tmp_path / "deu-eng-graded")["training"]["data"]]
    assert used == [("cla, graded", "deu"), ("cla, graded", "kaz"), ("cla, graded", "tur")]


def test_pairs_of_related_languages_need_the_tokens_of_the_base(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    changes = {"modules_dir": str(modules), "cla": {"related": "kaz"}}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)
    assert (
        "cla.related needs modules with the base's own embeddings"
        in stages.run(STAGE2, "--recipe", recipe).error_line()
    )
