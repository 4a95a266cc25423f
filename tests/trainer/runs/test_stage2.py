"""Stage 2 from the command line: what it writes, and what it does when it is run again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from adapters_hub import AlignmentAdapter, ModularEncoder
from tests.trainer.runs.launch import (
    MONOLITHIC,
    SAMPLE,
    STAGE1,
    STAGE2,
    Stages,
    contents,
    manifest,
    weights,
    write_recipe,
)
from trainer.controls.identity import recorded

OBJECTIVES = ("both", "paraphrase", "parallel")


@pytest.fixture(scope="module")
def aligned(modules: Path, base: Path, stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Adapters beside the recipe that made them; the language modules are in another folder."""
    output = tmp_path_factory.mktemp("aligned")
    recipe = write_recipe(output / "recipe.yaml", base, output, modules_dir=str(modules))
    stages.run(STAGE2, "--recipe", recipe).ok()
    return output


def test_a_launched_run_leaves_an_adapter_for_each_objective(launched: Path, base: Path) -> None:
    for objective in OBJECTIVES:
        values = AlignmentAdapter.load(launched / f"deu-eng-{objective}").manifest
        assert (values.language, values.pivot, values.objective) == ("deu", "eng", objective)
        assert values.base.source == str(base)
        assert values.pivot_fingerprint == manifest(launched / "eng")["fingerprint"]
        assert values.target_fingerprint == manifest(launched / "deu")["fingerprint"]
        assert ("paraphrase" in values.training["settings"]["cla"]) == (objective != "parallel")
        assert ("parallel" in values.training["settings"]["cla"]) == (objective != "paraphrase")
        facts = values.training["phases"]["cla"]
        assert facts["steps"] == 4
        assert 0 < facts["loss"] < 20
        assert set(facts["rows"].values()) == {40}
    assert not (launched / "unfinished").exists()


def test_launched_adapters_compose(launched: Path) -> None:
    folders = [launched / name for name in ("eng", "deu", *(f"deu-eng-{objective}" for objective in OBJECTIVES))]
    encoder = ModularEncoder(modules=folders)
    plain = encoder.encode("Guten Morgen!", "deu")
    vectors = [encoder.encode("Guten Morgen!", "deu", align={"deu": objective}) for objective in OBJECTIVES]
    for index, vector in enumerate([plain, *vectors]):
        assert np.isfinite(vector).all()
        assert all(np.abs(vector - other).max() > 1e-5 for other in vectors[index:])


def test_a_second_run_skips_what_is_finished_and_leaves_every_byte(aligned: Path, stages: Stages) -> None:
    before = contents(aligned)
    done = stages.run(STAGE2, "--recipe", aligned / "recipe.yaml").ok()
    assert "deu-eng-both is finished: skipped" in done.stderr
    assert contents(aligned) == before


def test_another_setting_for_a_finished_adapter_is_refused_by_name(aligned: Path, stages: Stages) -> None:
    before = contents(aligned)
    line = stages.run(STAGE2, "--recipe", aligned / "recipe.yaml", "--cla.parallel_share=0.25").error_line()
    assert "cla.parallel_share: 0.5, now 0.25" in line
    assert contents(aligned) == before


def test_an_adapter_of_other_language_modules_is_not_passed_off_as_fitting(
    aligned: Path, stages: Stages, tmp_path: Path
) -> None:
    recipe = ("--recipe", aligned / "recipe.yaml")
    stages.run(STAGE1, *recipe, "--languages=eng,deu", "--phases=vocabulary", "--output_dir", tmp_path).ok()
    line = stages.run(STAGE2, *recipe, "--modules_dir", tmp_path).error_line()
    assert "pivot_module" in line


def test_overwrite_trains_again(aligned: Path, stages: Stages, tmp_path: Path) -> None:
    shutil.copytree(aligned / "deu-eng-both", tmp_path / "deu-eng-both")
    stages.run(
        STAGE2, "--recipe", aligned / "recipe.yaml", "--output_dir", tmp_path, "--cla.scale=5", "--overwrite=true"
    ).ok()
    AlignmentAdapter.load(tmp_path / "deu-eng-both")
    assert manifest(tmp_path / "deu-eng-both")["training"]["settings"]["cla"]["scale"] == 5.0
    assert weights(tmp_path / "deu-eng-both") != weights(aligned / "deu-eng-both")


def test_the_pivot_alone_is_nothing_to_align(aligned: Path, stages: Stages) -> None:
    line = stages.run(STAGE2, "--recipe", aligned / "recipe.yaml", "--languages", "eng").error_line()
    assert "no language to align" in line
    assert "'eng'" in line


def test_strength_is_a_share_of_what_was_learnt(
    aligned: Path, modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, modules_dir=str(modules), cla={"strength": 0.5})
    stages.run(STAGE2, "--recipe", recipe).ok()
    whole, half = (AlignmentAdapter.load(folder / "deu-eng-both") for folder in (aligned, tmp_path))
    for one, other in zip(whole.bottlenecks.layers, half.bottlenecks.layers, strict=True):
        assert one.up.weight.abs().max() > 0
        torch.testing.assert_close(other.up.weight, one.up.weight / 2)
        torch.testing.assert_close(other.up.bias, one.up.bias / 2)
        torch.testing.assert_close(other.down.weight, one.down.weight)
    assert half.manifest.training["settings"]["cla"]["strength"] == 0.5
    encoder = ModularEncoder(modules=[modules / "eng", modules / "deu", aligned / "deu-eng-both"])
    expected = encoder.encode("Guten Morgen!", "deu", align={"deu": {"both": 0.5}})
    encoder = ModularEncoder(modules=[modules / "eng", modules / "deu", tmp_path / "deu-eng-both"])
    np.testing.assert_allclose(encoder.encode("Guten Morgen!", "deu", align=True), expected, atol=1e-5)
    line = stages.run(STAGE2, "--recipe", recipe, "--cla.strength=0").error_line()
    assert "cla.strength must be above 0 and at most 1, not 0.0" in line


def test_a_recipe_that_mixes_does_not_make_anew_what_has_no_list(
    aligned: Path, modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    mixed = {"lexicon": {"path": str(tmp_path / "{language}.tsv")}, "sentences": {"path": str(SAMPLE)}}
    changes = {"modules_dir": str(modules), "cla": {"mixed": mixed}}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, aligned, **changes)
    assert "deu-eng-both is finished: skipped" in stages.run(STAGE2, "--recipe", recipe).ok().stderr
    (tmp_path / "deu.tsv").write_text("and\tund\n")
    assert "cla.mixed" in stages.run(STAGE2, "--recipe", recipe).error_line()


def test_mixed_sentences_join_translations_and_are_named(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    (tmp_path / "deu.tsv").write_text("the\t-\nis\tist\nand\tund\n")
    mixed = {
        "lexicon": {"path": str(tmp_path / "{language}.tsv"), "name": "words", "license": "cc0-1.0"},
        "sentences": {"path": str(SAMPLE), "columns": ["{pivot}"], "limit": 30},
        "coverage": 0.1,
    }
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, modules_dir=str(modules), cla={"mixed": mixed})
    stages.run(STAGE2, "--recipe", recipe).ok()
    values = AlignmentAdapter.load(tmp_path / "deu-eng-both").manifest.training
    rows = values["phases"]["cla"]["rows"]
    assert rows["deu paraphrase"] == 40 < rows["deu parallel"] <= 70
    named = {facts["use"]: facts for facts in values["data"]}
    assert named["cla, words of mixed sentences"]["name"] == "words"
    assert named["cla, words of mixed sentences"]["license"] == "cc0-1.0"
    assert "cla, mixed sentences" in named
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    full = recorded(tmp_path / "monolithic" / "full_mono_cross")
    assert full["training"]["rows"] == {"mul paraphrase": 40, "deu parallel": rows["deu parallel"]}
    named = {facts["use"]: facts for facts in full["data"]}
    assert named["full mono+cross, words of mixed sentences"]["name"] == "words"
    (tmp_path / "deu.tsv").write_text("the\t-\nis\tist\n")
    for stage, where in ((STAGE2, "cla.mixed.deu.lexicon.bytes"), (MONOLITHIC, "mixed.deu.lexicon.bytes")):
        assert where in stages.run(stage, "--recipe", recipe).error_line()
    line = stages.run(STAGE2, "--recipe", recipe, "--cla.mixed.coverage=2").error_line()
    assert "cla.mixed.coverage must be at least 0 and at most 1, not 2.0" in line
