"""What a run reports during training: TensorBoard events, evaluation losses, a loss that is not a number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.trainer.runs.launch import STAGE1, STAGE2, Stages, manifest, training, weights, write_recipe

EVALUATED = {"eval_share": 0.25, "training": training(eval_strategy="steps", eval_steps=2)}


def test_eval_share_logs_the_loss_of_rows_that_are_not_trained_on(base: Path, stages: Stages, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, la=EVALUATED, se=EVALUATED)
    done = stages.run(STAGE1, "--recipe", recipe).ok()
    losses = [float(value) for value in re.findall(r"'eval_loss': '?([\d.]+)", done.stdout)]
    assert len(losses) == 4
    assert all(0 < loss < 20 for loss in losses)
    phases = manifest(tmp_path / "deu")["training"]["phases"]
    assert phases["la"]["rows"] == 30
    assert phases["se"]["rows"] == {"deu contrastive": 30}


def test_eval_share_logs_the_loss_in_stage_2(base: Path, modules: Path, stages: Stages, tmp_path: Path) -> None:
    for objective in ("both", "parallel"):
        output = tmp_path / objective
        changes = {"modules_dir": str(modules), "cla": EVALUATED | {"objectives": [objective]}}
        done = stages.run(STAGE2, "--recipe", write_recipe(output / "recipe.yaml", base, output, **changes)).ok()
        losses = [float(value) for value in re.findall(r"'eval_loss': '?([\d.]+)", done.stdout)]
        assert len(losses) == 2
        assert all(0 < loss < 20 for loss in losses)


def test_evaluation_does_not_change_what_is_trained(base: Path, stages: Stages, tmp_path: Path) -> None:
    for name, strategy in (("with", "steps"), ("without", "no")):
        section = {"eval_share": 0.25, "training": training(eval_strategy=strategy, eval_steps=1)}
        recipe = write_recipe(tmp_path / name / "recipe.yaml", base, tmp_path / name, la=section, se=section)
        stages.run(STAGE1, "--recipe", recipe).ok()
    assert weights(tmp_path / "with" / "deu") == weights(tmp_path / "without" / "deu")


def test_report_to_tensorboard_leaves_event_files(base: Path, stages: Stages, tmp_path: Path) -> None:
    reported = {"training": training(report_to="tensorboard")}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, la=reported, se=reported)
    stages.run(STAGE1, "--recipe", recipe).ok()
    events = list(tmp_path.rglob("events.out.tfevents.*"))
    assert len(events) == 2
    assert all(event.stat().st_size > 200 for event in events)
    assert not list((tmp_path / "deu").rglob("events*"))


@pytest.mark.parametrize("phase", ["la", "se"])
def test_a_loss_that_is_not_a_number_stops_the_run_and_names_the_step(
    phase: str, base: Path, stages: Stages, tmp_path: Path
) -> None:
    wild = {"training": training(learning_rate=1e30, warmup_steps=0)}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **{phase: wild})
    line = stages.run(STAGE1, "--recipe", recipe).error_line()
    assert re.search(r"the (loss|gradient norm) is (nan|inf) at step [2-4]: a lower learning_rate", line)
    assert not (tmp_path / "deu").exists()
