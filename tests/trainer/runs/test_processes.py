"""Ways to split a batch that must not change the result: over two processes, and over passes (GradCache)."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.conftest import sample_sentences
from tests.trainer.runs.launch import (
    STAGE1,
    STAGE2,
    Completed,
    Stages,
    accelerate_on_two,
    manifest,
    torchrun_two,
    training,
    write_recipe,
)
from trainer.data.batches import Order

ROWS, STEPS = 40, 4


def split_batch(processes: int, **changes: Any) -> dict[str, Any]:
    """Batches of 8 rows in total. SGD, because Adam would amplify the noise of a gradient near zero to a whole step."""
    options = {"optim": "sgd", "learning_rate": 1.0, "warmup_steps": 0, "logging_steps": 1}
    values = training(steps=STEPS, batch=8 // processes, **options)
    return {"training": values, **changes}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of which every third has a hard negative and every second the same anchor."""
    texts = sample_sentences("deu")
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        for row in range(ROWS):
            anchor = texts[0] if row % 2 else texts[2 * row + 2]
            writer.writerow([anchor, texts[2 * row + 3], texts[2 * row + 200] if row % 3 == 0 else ""])
    return path


def figures(done: Completed) -> list[float]:
    """Losses and gradient norms from the log, since clipping would hide the norms' differences from the weights."""
    found = re.findall(r"'(?:loss|grad_norm)': '?([\d.e+-]+)", done.stdout)
    assert len(found) >= STEPS
    return [float(value) for value in found]


def assert_close(one: Path, other: Path) -> None:
    """Check for the same tensors, to 1e-5 in float32 and to the last place in the embeddings' float16."""
    names = sorted(path.relative_to(one).as_posix() for path in one.rglob("*.safetensors"))
    assert names
    for name in names:
        left, right = load_file(one / name), load_file(other / name)
        assert left.keys() == right.keys()
        for key, tensor in left.items():
            rounding = 1e-3 if tensor.dtype == np.float16 else 0.0
            np.testing.assert_allclose(tensor, right[key], rtol=rounding, atol=1e-5, err_msg=f"{name}: {key}")
            assert np.abs(tensor.astype(np.float32)).max() > 1e-4 or "bias" in key, key


def test_some_batch_has_the_same_text_on_both_processes() -> None:
    rows = Order([ROWS], 8, seed=42).numbers(0)[: 8 * STEPS]
    batches = [rows[start : start + 8] for start in range(0, len(rows), 8)]
    assert any(any(row % 2 for row in batch[:4]) and any(row % 2 for row in batch[4:]) for batch in batches)
    assert any(any(row % 3 for row in batch) and any(row % 3 == 0 for row in batch) for batch in batches)


def test_two_processes_train_the_language_module_of_one(
    pairs: Path, calm_base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipes = [
        write_recipe(
            tmp_path / f"{processes}.yaml",
            calm_base,
            tmp_path / str(processes),
            la=split_batch(processes),
            se=split_batch(processes, data={"path": str(pairs), "columns": None}),
        )
        for processes in (1, 2)
    ]
    one, two = stages.run(STAGE1, "--recipe", recipes[0]).ok(), accelerate_on_two(STAGE1, "--recipe", recipes[1]).ok()
    assert figures(two) == pytest.approx(figures(one), rel=2e-3)
    assert_close(tmp_path / "1" / "deu", tmp_path / "2" / "deu")
    assert two.stderr.count("deu: vocabulary") == 1  # one of the two is the main process from the start
    for processes in (1, 2):
        phases = manifest(tmp_path / str(processes) / "deu")["training"]["phases"]
        assert phases["la"]["processes"] == phases["se"]["processes"] == processes


def test_torchrun_on_a_machine_without_gpu_trains_as_one(base: Path, tmp_path: Path) -> None:
    recipe = write_recipe(
        tmp_path / "recipe.yaml", base, tmp_path, phases="vocabulary,se", se={"training": training(steps=1)}
    )
    done = torchrun_two(STAGE1, "--recipe", recipe).ok()
    assert done.stderr.count("deu: module written") == 1
    facts = manifest(tmp_path / "deu")["training"]
    assert facts["phases"]["se"]["processes"] == 2
    assert facts["phases"]["se"]["batch"] == 16
    assert "2 processes" in facts["hardware"]


# Stage 1 with a late second process: late to check what is finished, or late to end a phase.
LATE = """
import os, sys, time
from pathlib import Path
from trainer import stage1
from trainer.runs.console import run_command
from trainer.training.phase_trainer import PhaseTrainer
from trainer.runs.workspace import PhaseFolder

look, log = PhaseFolder.result.fget, PhaseTrainer.log

def late_look(self):
    time.sleep(0.2 * int(os.environ["RANK"]))
    return look(self)

def late_log(self, *args, **kwargs):
    time.sleep(0.5 * int(os.environ["RANK"]))
    assert Path(self.args.output_dir).is_dir(), "the checkpoints of a trainer at work were deleted"
    log(self, *args, **kwargs)

if sys.argv.pop() == "looking":
    PhaseFolder.result = property(late_look)
else:
    PhaseTrainer.log = late_log
run_command(stage1.main)
"""


@pytest.mark.parametrize("where", ["looking", "ending"])
def test_processes_finish_together_however_late_one_of_them_is(
    where: str, base: Path, stages: Stages, tmp_path: Path
) -> None:
    script = tmp_path / "late.py"
    script.write_text(LATE, encoding="utf-8")
    changes = {"phases": "vocabulary,se", "vocabulary": {"strategy": "keep"}, "se": {"training": training(steps=1)}}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path / "out", **changes)
    processes = stages.start_two(script, "--recipe", recipe, where)
    for process in processes:
        process.join(60)
        process.kill()  # if it waits for the other forever
    for process in processes:
        stages.result(process).ok()
    assert manifest(tmp_path / "out" / "deu")["training"]["phases"]["se"]["processes"] == 2


def test_two_processes_train_the_alignment_adapter_of_one(
    modules: Path, calm_base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipes = [
        write_recipe(
            tmp_path / f"{processes}.yaml",
            calm_base,
            tmp_path / str(processes),
            modules_dir=str(modules),
            cla=split_batch(processes),
        )
        for processes in (1, 2)
    ]
    one, two = stages.run(STAGE2, "--recipe", recipes[0]).ok(), stages.run_two(STAGE2, "--recipe", recipes[1]).ok()
    assert figures(two) == pytest.approx(figures(one), rel=2e-3)
    assert_close(tmp_path / "1" / "deu-eng-both", tmp_path / "2" / "deu-eng-both")


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_passes_one_at_a_time_train_the_module_of_all_at_once(
    stage: str, pairs: Path, modules: Path, calm_base: Path, stages: Stages, tmp_path: Path
) -> None:
    for cached in (False, True):
        section = split_batch(1, gradient_cache=cached, tokens_per_pass=64)
        recipe = write_recipe(
            tmp_path / f"{cached}.yaml",
            calm_base,
            tmp_path / str(cached),
            modules_dir=str(modules),
            se=section | {"data": {"path": str(pairs), "columns": None}},
            cla=section,
        )
        script, phases = (STAGE1, ["--phases", "vocabulary,se"]) if stage == "stage1" else (STAGE2, [])
        stages.run(script, "--recipe", recipe, *phases).ok()
    name = "deu" if stage == "stage1" else "deu-eng-both"
    assert_close(tmp_path / "False" / name, tmp_path / "True" / name)
