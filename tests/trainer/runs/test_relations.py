"""SE on the relations among sentences, as a teacher sees their translations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainer.sentence_parts import shares_of, sources_of

from adapters_hub import ModularEncoder
from tests.conftest import SAMPLE, sample_sentences
from tests.trainer.runs.launch import (
    STAGE1,
    STAGE2,
    Stages,
    accelerate_on_two,
    manifest,
    training,
    weights,
    write_recipe,
)
from tests.trainer.runs.test_processes import assert_close
from trainer import stage1, stage2
from trainer.settings import AlignmentSettings, DataSource, Recipe, SentenceEncodingSettings, SettingsError
from trainer.workspace import check_same_settings

RELATIONS = {"path": str(SAMPLE), "limit": 40, "columns": ["{pivot}", "{language}"]}


def section(objective: str = "relational", **changes: Any) -> dict[str, Any]:
    values = {"objective": objective, "relations": RELATIONS, "lora": {"rank": 8}}
    return values | {"training": training(steps=30, learning_rate=3e-3, warmup_steps=0)} | changes


def error(encoder: ModularEncoder, language: str | None, teacher: np.ndarray) -> float:
    """How far the similarities of German sentences are from those of their English translations."""
    own = encoder.encode(sample_sentences("deu")[:80:2], language)
    return float(np.square(own @ own.T - teacher @ teacher.T).mean())


@pytest.mark.parametrize("taught", ["base", "module"])
def test_similarities_become_those_of_the_teacher(
    taught: str, modules: Path, calm_base: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    changes = {
        "se": section(teacher=str(modules / "{pivot}") if taught == "module" else ""),
        "phases": ["vocabulary", "se"],
    }
    stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)).ok()
    encoder = ModularEncoder(modules=[tmp_path / "deu", modules / "eng"])
    teacher = encoder.encode(sample_sentences("eng")[:80:2], "eng" if taught == "module" else None)
    assert error(encoder, "deu", teacher) < 0.7 * error(encoder, None, teacher)
    facts = manifest(tmp_path / "deu")["training"]
    assert facts["phases"]["se"]["rows"] == 40
    assert ("teacher_module" in facts["settings"]) == (taught == "module")


def test_batches_of_both_kinds_alternate(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"se": section("both", training=training(steps=4))}
    stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)).ok()
    facts = manifest(tmp_path / "deu")["training"]["phases"]["se"]
    assert facts["rows"] == 80
    assert facts["steps"] == 4


@pytest.mark.parametrize("objective", ["relational", "both"])
def test_two_processes_learn_the_relations_of_one(
    objective: str, calm_base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipes = [
        write_recipe(
            tmp_path / f"{processes}.yaml",
            calm_base,
            tmp_path / str(processes),
            phases=["vocabulary", "se"],
            se=section(objective, training=training(batch=8 // processes)),
        )
        for processes in (1, 2)
    ]
    stages.run(STAGE1, "--recipe", recipes[0]).ok()
    accelerate_on_two(STAGE1, "--recipe", recipes[1]).ok()
    assert_close(tmp_path / "1" / "deu", tmp_path / "2" / "deu")


def test_a_gradient_cache_changes_nothing(calm_base: Path, stages: Stages, tmp_path: Path) -> None:
    for name, cached in (("whole", False), ("cached", True)):
        changes = {"se": section("both", gradient_cache=cached, training=training()), "phases": ["vocabulary", "se"]}
        recipe = write_recipe(tmp_path / f"{name}.yaml", calm_base, tmp_path / name, **changes)
        stages.run(STAGE1, "--recipe", recipe).ok()
    assert_close(tmp_path / "whole" / "deu", tmp_path / "cached" / "deu")


def test_a_stopped_run_goes_on_to_the_same_weights(base: Path, stages: Stages, tmp_path: Path) -> None:
    for name in ("whole", "stopped"):
        changes = {"se": section("both", training=training(steps=6)), "phases": ["vocabulary", "se"]}
        recipe = write_recipe(tmp_path / f"{name}.yaml", base, tmp_path / name, **changes)
        if name == "stopped":
            process = stages.start(STAGE1, "--recipe", recipe)
            while process.is_alive() and not list((tmp_path / name).rglob("checkpoint-4/trainer_state.json")):
                process.join(0.002)
            process.kill()
            process.join()
        stages.run(STAGE1, "--recipe", recipe).ok()
    assert weights(tmp_path / "whole" / "deu") == weights(tmp_path / "stopped" / "deu")


def test_relations_without_data_are_told(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"se": {"objective": "relational"}}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)
    assert "set the path of its data (pivot, target" in stages.run(STAGE1, "--recipe", recipe).error_line()


def test_relations_of_related_languages_are_learnt_along(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"se": section(related=["kaz", "deu", "tur"], training=training(steps=6)), "phases": ["vocabulary", "se"]}
    stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)).ok()
    values = manifest(tmp_path / "deu")["training"]
    assert values["phases"]["se"]["rows"] == 3 * 40  # its own are not taken twice
    assert [entry["columns"][1] for entry in values["data"] if entry["use"] == "se"] == ["deu", "kaz", "tur"]


def test_a_related_language_needs_the_tokens_of_the_base(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"se": section(related="kaz")}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)
    assert "se.related needs the base's own embeddings" in stages.run(STAGE1, "--recipe", recipe).error_line()
    assert not (tmp_path / "unfinished").exists()  # told before anything is trained


def test_embeddings_that_are_taken_over_are_those_of_the_base_only_if_nobody_has_trained_them(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    related = {"related": "kaz", "training": training(steps=1)}
    changes = {"phases": ["se"], "start_from": str(modules / "deu"), "se": section(**related)}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)
    assert "se.related needs the base's own embeddings" in stages.run(STAGE1, "--recipe", recipe).error_line()
    stages.run(STAGE1, "--recipe", recipe, "--se.related", "[]").ok()
    (tmp_path / "eng").symlink_to(modules / "eng")
    line = stages.run(STAGE2, "--recipe", recipe, "--cla.related", "kaz").error_line()
    assert "cla.related needs modules with the base's own embeddings" in line

    plain = {"phases": ["vocabulary"], "output_dir": str(tmp_path / "plain")}
    stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "plain.yaml", base, tmp_path, **plain)).ok()
    command = (STAGE1, "--recipe", recipe, "--start_from", tmp_path / "plain" / "deu", "--output_dir", tmp_path / "se")
    stages.run(*command).ok()


@pytest.mark.parametrize("stage", ["se", "cla"])
def test_changed_data_of_a_related_language_is_another_module(stage: str, modules: Path, tmp_path: Path) -> None:
    source = DataSource(path=str(tmp_path / "{language}.tsv"))
    recipe = Recipe(languages="deu", modules_dir=str(modules))
    recipe.se = SentenceEncodingSettings(objective="relational", relations=source, related="kaz,deu")
    recipe.cla = AlignmentSettings(parallel=source, related="kaz,deu")

    def write(language: str, text: str) -> None:
        (tmp_path / f"{language}.tsv").write_text(text, encoding="utf-8")

    def wanted() -> dict[str, Any]:
        return stage1.settings_of(recipe, "deu") if stage == "se" else stage2.settings_of(recipe, "deu", "balanced")

    for language in ("deu", "kaz", "rus"):
        write(language, "Hello.\tSalem.\n")
    finished = wanted()
    write("rus", "Hello.\tPrivet.\n")
    check_same_settings(tmp_path, finished, wanted())
    write("kaz", "Hello!\tSalem!!\n")
    with pytest.raises(SettingsError, match=rf"{stage}\.related_data\.kaz\.bytes: 14, now 15"):
        check_same_settings(tmp_path, finished, wanted())
    finished[stage].pop("related_data")  # a module of before relatives' data were described
    check_same_settings(tmp_path, finished, wanted())


def test_shares_of_the_kinds_and_of_relatives_add_up() -> None:
    settings = SentenceEncodingSettings(objective="both", related=["kaz", "tur"], relational_share=0.25)
    sources = sources_of(settings, "deu")
    assert [(kind, code) for kind, code, _ in sources] == [
        ("contrastive", "deu"),
        ("relational", "deu"),
        ("relational", "kaz"),
        ("relational", "tur"),
    ]
    parts: list[Any] = list(sources)
    assert shares_of(settings, parts) == [0.375, 0.125, 0.25, 0.25]
    assert shares_of(SentenceEncodingSettings(objective="relational"), parts[:1]) == [1.0]
