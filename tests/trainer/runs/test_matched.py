"""Monolithic controls matched to the modules: they share objective, rows, pivot, teachers and steps."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters_hub import ModularEncoder
from tests.conftest import SAMPLE, sample_sentences
from tests.trainer.runs.launch import (
    MONOLITHIC,
    STAGE1,
    STAGE2,
    Stages,
    contents,
    manifest,
    training,
    write_recipe,
)
from tests.trainer.runs.test_monolithic import before_training, facts, largest_change, tensors

MONO, CROSS = "full_matched_mono", "full_matched_mono_cross"
RELATIONS = {"path": str(SAMPLE), "limit": 40, "columns": ["{pivot}", "{language}"]}
BOTH = ["matched mono", "matched mono+cross"]
FAST = {"learning_rate": 3e-3, "warmup_steps": 0}
UNSEEN = sample_sentences("eng")[300:400]


def changes(objective: str = "balanced", steps: int = 6, **more: Any) -> dict[str, Any]:
    """A recipe of relations and alignment for German and Kazakh."""
    values: dict[str, Any] = {"languages": ["deu", "kaz"], "cla": {"objectives": [objective]}}
    values["se"] = {"objective": "relational", "relations": RELATIONS, "training": training(steps=steps)}
    values["cla"]["training"] = training(steps=steps)
    return values | {"full": {"controls": BOTH, "training": FAST}} | more


def closeness(folder: Path, other: np.ndarray) -> float:
    """Mean cosine of unseen English sentences to these vectors."""
    return float((ModularEncoder(base=str(folder)).encode(UNSEEN, None) * other).sum(axis=1).mean())


@pytest.fixture(scope="module")
def trained(base: Path, stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("matched")
    recipe = write_recipe(output / "recipe.yaml", base, output, **changes())
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    return output


def test_every_parameter_is_trained_by_the_modules_objectives(trained: Path, base: Path) -> None:
    start = before_training(base)
    mono, cross = (tensors(trained / "monolithic" / name) for name in (MONO, CROSS))
    assert [name for name in start if (start[name] == mono[name]).all()] == []
    assert [name for name in mono if (mono[name] == cross[name]).all()] == []
    mono_facts, cross_facts = (facts(trained / "monolithic" / name) for name in (MONO, CROSS))
    assert (mono_facts["kind"], cross_facts["kind"]) == ("full matched mono", "full matched mono+cross")
    assert mono_facts["settings"]["objective"] == "relational"
    assert cross_facts["settings"]["objective"] == "balanced"
    assert cross_facts["settings"]["start"] == mono_facts["sha256"]
    assert mono_facts["training"]["teachers"][0]["source"] == base.name


def test_the_pivot_is_one_more_language_within_the_modules_steps(trained: Path) -> None:
    mono, cross = (facts(trained / "monolithic" / name)["training"] for name in (MONO, CROSS))
    assert mono["steps"] == cross["steps"] == 2 * 6
    assert mono["rows"] == {f"{language} relational": 40 for language in ("deu", "kaz", "eng")}
    assert mono["shares"] == pytest.approx({f"{language} relational": 4 for language in ("deu", "kaz", "eng")})
    names = [f"{language} {kind}" for language in ("deu", "kaz", "eng") for kind in ("graded", "parallel")]
    assert cross["shares"] == pytest.approx(dict.fromkeys(names, 2))


def test_a_second_run_skips_what_is_finished_and_leaves_every_byte(trained: Path, stages: Stages) -> None:
    before = contents(trained)
    done = stages.run(MONOLITHIC, "--recipe", trained / "recipe.yaml").ok()
    assert done.stderr.count("is finished: skipped") == 2
    assert contents(trained) == before


@pytest.mark.parametrize(
    ("option", "difference"),
    [
        ("--cla.objectives=[graded]", "objective: 'balanced', now 'graded'"),
        ("--se.relations.limit=20", "data.deu.relational.limit: 40, now 20"),
        ("--cla.parallel_share=0.25", "parallel_share: 0.5, now 0.25"),
        ("--cla.dropout=0.2", "dropout: None, now 0.2"),
        ("--se.teacher=package:other", "teacher"),
    ],
)
def test_another_setting_for_a_finished_encoder_is_refused_by_name(
    trained: Path, stages: Stages, option: str, difference: str
) -> None:
    assert difference in stages.run(MONOLITHIC, "--recipe", trained / "recipe.yaml", option).error_line()


def test_the_matched_encoder_learns_the_relations_of_the_teacher(base: Path, stages: Stages, tmp_path: Path) -> None:
    made = changes(steps=30, full={"controls": ["matched mono"], "training": FAST})
    stages.run(MONOLITHIC, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **made)).ok()
    english = ModularEncoder(base=str(base)).encode(sample_sentences("eng")[:80:2], None)

    def error(folder: Path, language: str) -> float:
        own = ModularEncoder(base=str(folder)).encode(sample_sentences(language)[:80:2], None)
        return float(np.square(own @ own.T - english @ english.T).mean())

    for language in ("deu", "kaz"):
        assert error(tmp_path / "monolithic" / MONO, language) < 0.7 * error(base, language)


@pytest.mark.parametrize("objective", ["paraphrase", "graded"])
def test_english_does_not_move_away(objective: str, base: Path, stages: Stages, tmp_path: Path) -> None:
    """The paper's control with as many steps moves the pivot, since nothing holds it."""
    made = changes(objective, steps=30, full={"controls": [*BOTH, "cross"], "training": FAST | {"learning_rate": 1e-3}})
    stages.run(MONOLITHIC, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **made)).ok()
    english = ModularEncoder(base=str(base)).encode(UNSEEN, None)
    held = closeness(tmp_path / "monolithic" / CROSS, english)
    assert held > 0.95
    assert 1 - held < 0.5 * (1 - closeness(tmp_path / "monolithic" / "full_cross", english))


def test_the_frozen_pivot_is_the_base_or_its_module_where_there_is_one(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    """With the parallel loss alone, German moves to the pivot's vectors."""
    sentences = {language: sample_sentences(language)[:80:2] for language in ("eng", "deu")}
    found = {}
    for name in ("base", "module"):
        output = tmp_path / name
        made = changes("parallel", steps=120, languages=["deu"])
        recipe = write_recipe(output / "recipe.yaml", base, output, **made)
        if name == "module":
            shutil.copytree(modules / "eng", output / "eng")
        done = stages.run(MONOLITHIC, "--recipe", recipe).ok()
        assert ("the pivot eng has no module" in done.stderr) == (name == "base")
        german = ModularEncoder(base=str(output / "monolithic" / CROSS)).encode(sentences["deu"], None)
        pivots = {
            "base": ModularEncoder(base=str(base)).encode(sentences["eng"], None),
            "module": ModularEncoder(modules=[modules / "eng"]).encode(sentences["eng"], "eng"),
        }
        found[name] = {pivot: float((german * vectors).sum(axis=1).mean()) for pivot, vectors in pivots.items()}
    assert found["base"]["base"] > found["base"]["module"]
    assert found["module"]["module"] > found["module"]["base"]
    assert facts(tmp_path / "base" / "monolithic" / CROSS)["settings"]["pivot_vectors"] == "base"
    fingerprint = manifest(modules / "eng")["fingerprint"]
    assert facts(tmp_path / "module" / "monolithic" / CROSS)["settings"]["pivot_vectors"] == fingerprint
    shutil.copytree(modules / "eng", tmp_path / "base" / "eng")
    line = stages.run(MONOLITHIC, "--recipe", tmp_path / "base" / "recipe.yaml").error_line()
    assert f"pivot_vectors: 'base', now '{fingerprint}'" in line


def test_steps_are_the_sum_of_the_modules_steps(base: Path, stages: Stages, tmp_path: Path) -> None:
    """Trained by epochs over data of different lengths; the modules use a related language, the control does not."""
    rows = {"deu": 61, "kaz": 34}
    for language, count in rows.items():
        pairs = zip(sample_sentences("eng")[::2], sample_sentences(language)[::2], strict=True)
        lines = [f"{english}\t{own}\n" for english, own in list(pairs)[:count]]
        (tmp_path / f"{language}.tsv").write_text("".join(lines), encoding="utf-8")
    source = {"path": str(tmp_path / "{language}.tsv"), "limit": None, "columns": None}
    epochs = training(max_steps=-1, num_train_epochs=2)
    made = changes(phases=["vocabulary", "se"], vocabulary={"strategy": "keep"})
    made["se"] |= {"relations": source, "training": epochs, "related": ["kaz"], "related_share": 0.25}
    made["cla"] |= {"parallel": source, "training": epochs}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **made)
    stages.run(STAGE1, "--recipe", recipe).ok()
    english = write_recipe(tmp_path / "eng.yaml", base, tmp_path, languages=["eng"], vocabulary={"strategy": "keep"})
    stages.run(STAGE1, "--recipe", english, "--phases", "vocabulary").ok()
    stages.run(STAGE2, "--recipe", recipe).ok()
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    mono, cross = (facts(tmp_path / "monolithic" / name)["training"] for name in (MONO, CROSS))
    se = [manifest(tmp_path / language)["training"]["phases"]["se"]["steps"] for language in rows]
    cla = [manifest(tmp_path / f"{code}-eng-balanced")["training"]["phases"]["cla"]["steps"] for code in rows]
    assert len(set(se)) == len(set(cla)) == 2
    assert (mono["steps"], cross["steps"]) == (sum(se), sum(cla))
    assert mono["shares"]["deu relational"] / mono["shares"]["kaz relational"] == pytest.approx(se[0] / se[1])
    assert mono["shares"]["eng relational"] == pytest.approx(sum(se) / 3)


def test_two_processes_train_the_encoder_of_one(calm_base: Path, stages: Stages, tmp_path: Path) -> None:
    recipes = []
    for processes in (1, 2):
        made = changes()
        made["se"]["training"] = made["cla"]["training"] = training(batch=8 // processes)
        # SGD, because Adam would amplify the noise of a gradient near zero to a whole step.
        made["full"] = {"controls": BOTH, "training": {"optim": "sgd", "learning_rate": 0.3, "warmup_steps": 0}}
        recipes.append(write_recipe(tmp_path / f"{processes}.yaml", calm_base, tmp_path / str(processes), **made))
    stages.run(MONOLITHIC, "--recipe", recipes[0]).ok()
    stages.run_two(MONOLITHIC, "--recipe", recipes[1]).ok()
    for name in (MONO, CROSS):
        one, two = (tmp_path / processes / "monolithic" / name for processes in ("1", "2"))
        moved = largest_change(tensors(one), before_training(calm_base))
        assert moved > 1e-3
        assert largest_change(tensors(one), tensors(two)) < moved / 50
        assert facts(two)["training"]["processes"] == 2


def test_a_killed_run_ends_with_the_same_weights(base: Path, stages: Stages, tmp_path: Path) -> None:
    made = changes(steps=24)
    made["full"]["training"] = FAST | {"save_steps": 2}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path / "whole", **made)
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    command = (MONOLITHIC, "--recipe", recipe, "--output_dir", tmp_path / "killed")
    for name in (MONO, CROSS):
        checkpoints = tmp_path / "killed" / "unfinished" / name / "full" / "checkpoints"
        process = stages.start(*command)
        while process.exitcode is None and not (checkpoints / "checkpoint-8" / "trainer_state.json").exists():
            process.join(0.002)
        process.kill()
        stages.result(process)
        assert not (tmp_path / "killed" / "monolithic" / name).exists()
    assert "resuming from" in stages.run(*command).ok().stderr
    for name in (MONO, CROSS):
        one, other = (tensors(tmp_path / run / "monolithic" / name) for run in ("whole", "killed"))
        assert all(np.array_equal(one[key], other[key]) for key in one)
