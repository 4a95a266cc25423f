"""Sentence encoding on the relations among sentences that a teacher finds among their translations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

from adapters_hub import ModularEncoder
from tests.conftest import SAMPLE, sample_sentences
from tests.trainer.runs.launch import (
    STAGE1,
    STAGE2,
    Stages,
    manifest,
    training,
    weights,
    write_recipe,
)
from tests.trainer.runs.test_processes import assert_close
from trainer.objectives.part_sources import alignment_sources, encoding_sources
from trainer.runs.identity import check_same_settings
from trainer.settings import AlignmentSettings, DataSource, Recipe, SentenceEncodingSettings, SettingsError
from trainer.stage1 import Stage1
from trainer.stage2 import Stage2

RELATIONS = {"path": str(SAMPLE), "limit": 40, "columns": ["{pivot}", "{language}"]}


def section(objective: str = "relational", **changes: Any) -> dict[str, Any]:
    values = {"objective": objective, "relations": RELATIONS, "lora": {"rank": 8}}
    return values | {"training": training(steps=30, learning_rate=3e-3, warmup_steps=0)} | changes


def error(encoder: ModularEncoder, language: str | None, teacher: np.ndarray) -> float:
    """The difference between the similarities of German sentences and those of their English translations."""
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
    assert facts["phases"]["se"]["rows"] == {"deu relational": 40}
    (described,) = facts["phases"]["se"]["teachers"]
    assert (described["kind"], described["source"]) == (taught, "eng" if taught == "module" else base.name)
    fingerprints = [manifest(modules / "eng")["fingerprint"]] if taught == "module" else []
    assert facts["settings"]["se"]["teacher"] == fingerprints


def test_any_sentence_transformer_may_teach_and_several_teach_together(
    base: Path, stages: Stages, tmp_path: Path
) -> None:
    """A teacher of another width and pooling: the relations are its own, or the mean of its and the base's."""
    encoder = SentenceTransformer(modules=[Transformer(str(base)), Pooling(32, "cls"), Dense(32, 8)], device="cpu")
    encoder.save_pretrained(str(tmp_path / "teacher"))
    taught = {"alone": [f"st:{tmp_path / 'teacher'}"], "together": ["base", f"st:{tmp_path / 'teacher'}"]}
    english = sample_sentences("eng")[:80:2]
    seen = {
        "alone": encoder.encode(english, normalize_embeddings=True),
        "base": ModularEncoder(str(base)).encode(english, None),
    }
    similarities = {name: vectors @ vectors.T for name, vectors in seen.items()}
    similarities["together"] = (similarities["alone"] + similarities["base"]) / 2
    for name, teachers in taught.items():
        changes = {"se": section(teacher=teachers), "phases": ["vocabulary", "se"], "vocabulary": {"strategy": "keep"}}
        recipe = write_recipe(tmp_path / f"{name}.yaml", base, tmp_path / name, **changes)
        stages.run(STAGE1, "--recipe", recipe).ok()
        facts = manifest(tmp_path / name / "deu")["training"]["phases"]["se"]["teachers"]
        assert [fact["source"] for fact in facts] == [base.name if one == "base" else "teacher" for one in teachers]
        own = ModularEncoder(modules=[tmp_path / name / "deu"])
        errors = []
        for language in ("deu", None):
            vectors = own.encode(sample_sentences("deu")[:80:2], language)
            errors.append(float(np.square(vectors @ vectors.T - similarities[name]).mean()))
        assert errors[0] < 0.8 * errors[1]


def test_a_teacher_that_is_not_there_is_told_in_a_line(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"se": section(teacher=f"st:{tmp_path / 'nowhere'}"), "phases": ["vocabulary", "se"]}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)
    assert "no SentenceTransformer at" in stages.run(STAGE1, "--recipe", recipe).error_line()


def test_batches_of_both_kinds_alternate(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"se": section("both", training=training(steps=4))}
    stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)).ok()
    facts = manifest(tmp_path / "deu")["training"]["phases"]["se"]
    assert facts["rows"] == {"deu contrastive": 40, "deu relational": 40}
    assert facts["steps"] == 4


def test_each_batch_is_of_one_of_several_sets_of_paraphrases(base: Path, stages: Stages, tmp_path: Path) -> None:
    """A list of sources that take turns equally often."""
    sets = []
    for name, count in (("small", 16), ("large", 48)):
        lines = sample_sentences("deu")[: 2 * count] if name == "small" else sample_sentences("deu")[-2 * count :]
        pairs = zip(lines[::2], lines[1::2], strict=True)
        (tmp_path / f"{name}.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
        sets.append({"path": str(tmp_path / f"{name}.tsv"), "name": name})
    parts = encoding_sources(SentenceEncodingSettings(data=[DataSource(**one) for one in sets]), "deu")
    assert [part.source.name for part in parts] == ["small", "large"]
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, phases=["vocabulary", "se"])
    values = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    values["se"]["data"] = sets
    values["se"]["training"] = training(steps=-1, batch=8, num_train_epochs=1)
    recipe.write_text(yaml.safe_dump(values), encoding="utf-8")
    stages.run(STAGE1, "--recipe", recipe).ok()
    facts = manifest(tmp_path / "deu")["training"]
    assert facts["phases"]["se"]["rows"] == {"deu contrastive": 64}
    assert facts["phases"]["se"]["steps"] == 12  # six of each, as the small set repeats its rows
    assert [entry["name"] for entry in facts["data"] if entry["use"] == "se"] == ["small", "large"]


def test_two_processes_learn_the_relations_of_one(calm_base: Path, stages: Stages, tmp_path: Path) -> None:
    recipes = [
        write_recipe(
            tmp_path / f"{processes}.yaml",
            calm_base,
            tmp_path / str(processes),
            phases=["vocabulary", "se"],
            se=section("both", training=training(batch=8 // processes)),
        )
        for processes in (1, 2)
    ]
    stages.run(STAGE1, "--recipe", recipes[0]).ok()
    stages.run_two(STAGE1, "--recipe", recipes[1]).ok()
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
    assert values["phases"]["se"]["rows"] == {
        f"{code} relational": 40 for code in ("deu", "kaz", "tur")
    }  # a language does not take its own relations twice
    assert [entry["columns"][1] for entry in values["data"] if entry["use"] == "se"] == ["deu", "kaz", "tur"]


def test_a_related_language_needs_the_tokens_of_the_base(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {"se": section(related="kaz")}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)
    assert "se.related needs the base's own embeddings" in stages.run(STAGE1, "--recipe", recipe).error_line()
    assert not (tmp_path / "unfinished").exists()  # refused before anything is trained


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
        return Stage1(recipe, "deu").settings if stage == "se" else Stage2(recipe, "deu", "balanced").settings

    for language in ("deu", "kaz", "rus"):
        write(language, "Hello.\tSalem.\n")
    finished = wanted()
    write("rus", "Hello.\tPrivet.\n")
    check_same_settings(tmp_path, finished, wanted())
    write("kaz", "Hello!\tSalem!!\n")
    with pytest.raises(SettingsError, match=rf"{stage}\.related_data\.kaz\.bytes: 14, now 15"):
        check_same_settings(tmp_path, finished, wanted())


def test_shares_of_the_kinds_and_of_relatives_add_up() -> None:
    settings = SentenceEncodingSettings(objective="both", related=["kaz", "tur"], relational_share=0.25)
    parts = encoding_sources(settings, "deu")
    assert [(part.kind, part.language, part.share) for part in parts] == [
        ("contrastive", "deu", 0.375),
        ("relational", "deu", 0.125),
        ("relational", "kaz", 0.25),
        ("relational", "tur", 0.25),
    ]
    (alone,) = encoding_sources(SentenceEncodingSettings(objective="relational"), "deu")
    assert alone.share == 1
    aligned = alignment_sources(AlignmentSettings(parallel_share=0.75, related="kaz"), "balanced", "deu")
    assert [(part.kind, part.language, part.share) for part in aligned] == [
        ("graded", "deu", 0.125),
        ("parallel", "deu", 0.375),
        ("parallel", "kaz", 0.5),
    ]
