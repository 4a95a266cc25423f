"""Stage 1 from the command line: what it writes, and what it does when it is run again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from adapters_hub import LanguageModule, ModularEncoder
from tests.trainer.runs.launch import STAGE1, Stages, contents, manifest, weights, write_recipe


def test_a_launched_run_leaves_whole_modules_and_nothing_else(launched: Path) -> None:
    for language in ("eng", "deu"):
        module = LanguageModule.load(launched / language)
        assert module.manifest.components == ("vocabulary", "language_adapter", "sentence_adapter")
    assert not (launched / "unfinished").exists()
    assert not [path.name for path in launched.iterdir() if path.name.startswith(".")]


def test_launched_modules_compose(launched: Path) -> None:
    encoder = ModularEncoder(modules=[launched / "eng", launched / "deu"])
    german = encoder.encode("Guten Morgen!", "deu")
    assert np.isfinite(german).all()
    assert not np.allclose(german, encoder.encode("Guten Morgen!", None), atol=1e-3)
    assert not np.allclose(german, encoder.encode("Guten Morgen!", "eng"), atol=1e-3)


def test_the_manifest_says_base_settings_steps_and_losses(launched: Path, base: Path) -> None:
    values = manifest(launched / "deu")
    assert values["base"]["source"] == str(base)
    assert len(values["base"]["fingerprint"]) == 64
    settings = values["training"]["settings"]
    assert settings["seed"] == 42
    assert settings["vocabulary"]["strategy"] == values["vocabulary"]["strategy"] == "trim"
    assert settings["la"]["data"]["columns"] == ["{language}", "{language}_paraphrase"]
    assert settings["se"]["training"]["max_steps"] == 4
    for phase in ("la", "se"):
        facts = values["training"]["phases"][phase]
        assert facts["steps"] == 4
        assert 0 < facts["loss"] < 20
        assert facts["rows"] == (40 if phase == "la" else {"deu contrastive": 40})
    assert values["training"]["versions"]["torch"]


def test_a_second_run_skips_what_is_finished_and_leaves_every_byte(modules: Path, stages: Stages) -> None:
    before = contents(modules)
    done = stages.run(STAGE1, "--recipe", modules / "recipe.yaml").ok()
    assert done.stderr.count("is finished: skipped") == 2
    assert contents(modules) == before


def test_another_setting_for_a_finished_module_is_refused_by_name(modules: Path, stages: Stages) -> None:
    before = contents(modules)
    for option, name, old, new in (
        ("--se.scale=5", "se.scale", "20.0", "5.0"),
        ("--seed=7", "seed", "42", "7"),
        ("--la.lora.rank=4", "la.lora.rank", "2", "4"),
        ("--se.training.learning_rate=0.5", "se.training.learning_rate", "0.001", "0.5"),
    ):
        line = stages.run(STAGE1, "--recipe", modules / "recipe.yaml", option).error_line()
        assert f"{name}: {old}, now {new}" in line
        assert "--overwrite true" in line
    assert contents(modules) == before


def test_settings_that_do_not_change_the_weights_do_not_matter(modules: Path, stages: Stages) -> None:
    done = stages.run(STAGE1, "--recipe", modules / "recipe.yaml", "--se.training.logging_steps=1").ok()
    assert done.stderr.count("is finished: skipped") == 2


def test_overwrite_trains_again(modules: Path, base: Path, stages: Stages, tmp_path: Path) -> None:
    shutil.copytree(modules / "deu", tmp_path / "deu")
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, se={"scale": 5.0})
    stages.run(STAGE1, "--recipe", recipe, "--overwrite", "true").ok()
    LanguageModule.load(tmp_path / "deu")
    assert manifest(tmp_path / "deu")["training"]["settings"]["se"]["scale"] == 5.0
    old, new = weights(modules / "deu"), weights(tmp_path / "deu")
    assert {name for name in old if old[name] != new[name]} == {"sentence_adapter/adapter_model.safetensors"}


def test_a_language_does_not_depend_on_what_else_is_trained(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path)).ok()
    assert weights(tmp_path / "deu") == weights(modules / "deu")


def test_help_lists_the_settings(stages: Stages) -> None:
    done = stages.run(STAGE1, "--help").ok()
    for setting in ("--languages", "--base", "--la.lora.rank", "--se.gradient_cache", "--cla.objectives"):
        assert setting in done.stdout
    assert "Languages that are finished are skipped." in " ".join(done.stdout.split())
