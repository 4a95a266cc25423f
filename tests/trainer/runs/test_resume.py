"""A run that is killed at any moment and started again ends with the weights of an undisturbed run."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters_hub import AlignmentAdapter, LanguageModule
from tests.trainer.runs.launch import STAGE1, STAGE2, Stages, training, weights, write_recipe
from trainer.training.checkpoints import last_complete_checkpoint

# 40 rows in batches of 8 make epochs of 5 steps; the second epoch begins with step 6.
LONG = {"training": training(steps=30)}
STAGES: dict[str, tuple[Path, str, dict[str, Any], type[LanguageModule] | type[AlignmentAdapter]]] = {
    "stage1": (STAGE1, "deu", {"la": LONG, "se": LONG}, LanguageModule),
    "stage2": (STAGE2, "deu-eng-both", {"cla": LONG}, AlignmentAdapter),
}
Moment = Callable[[Path], bool]


def reached(phase: str, step: int) -> Moment:
    """Waits until a checkpoint of that step or a later one exists (it may be half-written)."""

    def moment(unfinished: Path) -> bool:
        names = [path.name for path in (unfinished / phase / "checkpoints").glob("checkpoint-*")]
        return max([int(name.rpartition("-")[2]) for name in names], default=0) >= step

    return moment


def exists(name: str) -> Moment:
    """Waits until a file or folder exists."""
    return lambda unfinished: bool(list(unfinished.glob(name)))


def moments(stage: str, seed: int) -> list[tuple[Moment, float]]:
    """Points at which to kill a run in turn, each with the longest extra delay in seconds."""
    draw = random.Random(seed)
    if stage == "stage2":
        return [
            (reached("cla", draw.randrange(6, 12, 2)), draw.uniform(0, 0.05)),
            (reached("cla", draw.randrange(16, 24, 2)), draw.uniform(0, 0.05)),
        ]
    return [
        (exists("vocabulary"), draw.uniform(0, 0.05)),
        (reached("la", draw.randrange(6, 10, 2)), draw.uniform(0, 0.05)),
        (reached("la", draw.randrange(14, 24, 2)), draw.uniform(0, 0.02)),
        (exists("la/result"), draw.uniform(0, 0.3)),
        (reached("se", draw.randrange(6, 24, 2)), draw.uniform(0, 0.05)),
    ]


@pytest.fixture(scope="module", params=STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def uninterrupted(
    stage: str, base: Path, modules: Path, stages: Stages, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The output folder of an undisturbed run."""
    script, _, changes, _ = STAGES[stage]
    output = tmp_path_factory.mktemp("uninterrupted")
    recipe = write_recipe(output / "recipe.yaml", base, output, modules_dir=str(modules), **changes)
    stages.run(script, "--recipe", recipe).ok()
    return output


def test_kills_leave_no_trace(stage: str, uninterrupted: Path, stages: Stages, tmp_path: Path) -> None:
    script, name, _, kind = STAGES[stage]
    command = (script, "--recipe", uninterrupted / "recipe.yaml", "--output_dir", tmp_path)
    resumed = 0
    for moment, delay in moments(stage, seed=20240720):
        process = stages.start(*command)
        while process.exitcode is None and not moment(tmp_path / "unfinished" / name):
            process.join(0.002)
        process.join(delay)
        process.kill()
        done = stages.result(process)
        assert done.code == -signal.SIGKILL, done.stderr
        resumed += "resuming from" in done.stderr
        assert not (tmp_path / name).exists()
    done = stages.run(*command).ok()
    resumed += "resuming from" in done.stderr
    assert resumed >= len(moments(stage, 0)) // 2
    kind.load(tmp_path / name)
    assert weights(tmp_path / name) == weights(uninterrupted / name)
    assert not (tmp_path / "unfinished").exists()


def test_a_kill_while_a_module_is_replaced_leaves_a_whole_one_or_none(
    stage: str, uninterrupted: Path, stages: Stages, tmp_path: Path
) -> None:
    script, name, _, kind = STAGES[stage]
    command = (script, "--recipe", uninterrupted / "recipe.yaml", "--output_dir", tmp_path, "--overwrite", "true")
    stages.run(*command).ok()
    process = stages.start(*command)
    while process.exitcode is None and not list(tmp_path.glob(f".{name}.*")):
        process.join(0.001)
    process.kill()
    process.join()
    if (tmp_path / name).exists():
        kind.load(tmp_path / name)
    stages.run(*command).ok()
    kind.load(tmp_path / name)
    assert weights(tmp_path / name) == weights(uninterrupted / name)


def test_a_truncated_newest_checkpoint_is_passed_over(
    stage: str, uninterrupted: Path, stages: Stages, tmp_path: Path
) -> None:
    script, name, _, kind = STAGES[stage]
    command = (script, "--recipe", uninterrupted / "recipe.yaml", "--output_dir", tmp_path)
    phase = "cla" if stage == "stage2" else "la"
    process = stages.start(*command)
    while process.exitcode is None and not reached(phase, 14)(tmp_path / "unfinished" / name):
        process.join(0.002)
    process.kill()
    assert stages.result(process).code == -signal.SIGKILL
    checkpoints = tmp_path / "unfinished" / name / phase / "checkpoints"
    found = last_complete_checkpoint(checkpoints)
    assert found is not None
    newest = found.folder
    files = sorted(path.name for path in newest.iterdir())
    assert len(files) >= 5
    for file in files:
        copy = tmp_path / "copies" / file
        shutil.copytree(checkpoints, copy)
        truncate(copy / newest.name / file)
        older = last_complete_checkpoint(copy)
        assert older is None or older.folder != copy / newest.name, f"{file} is damaged, and nobody sees it"

    truncate(newest / ("optimizer.pt" if stage == "stage1" else "trained.safetensors"))
    done = stages.run(*command).ok()
    assert f"resuming from {newest}\n" not in done.stderr
    kind.load(tmp_path / name)
    assert weights(tmp_path / name) == weights(uninterrupted / name)


def truncate(file: Path) -> None:
    """Cut a file in half."""
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)
