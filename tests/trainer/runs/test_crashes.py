"""A crash at any write of any phase: the same command then ends with the folder of a run that was left alone."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from tests.trainer.runs.crashes import failures
from tests.trainer.runs.launch import training, write_recipe

# 16 rows in batches of 8 are epochs of two steps; the third step is the first of the second epoch, and the last.
LONG = {"training": training(steps=3, save_steps=2)}


def crash_everywhere(phase: str, processes: int, base: Path, modules: Path, folder: Path) -> int:
    """Crash at every write of a phase; the number of states that a crash can leave."""
    output = folder / "out"
    batches = {"training": LONG["training"] | {"per_device_train_batch_size": 8 // processes}}
    changes = {name: batches | {"data": {"limit": 16}} for name in ("la", "se")}
    changes["cla"] = batches | {"paraphrase": {"limit": 16}, "parallel": {"limit": 16}}
    start = {"phases": [phase], "start_from": str(modules / "deu")} if phase in ("la", "se") else {}
    recipe = write_recipe(
        folder / "recipe.yaml",
        base,
        output,
        modules_dir=str(modules),
        vocabulary={"strategy": "keep"},
        full={"controls": ["mono"], "training": {"max_steps": 3}},
        **start,
        **changes,
    )
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["trainer.stage1", "trainer.stage2", "trainer.monolithic"])
    child = context.Process(target=failures, args=(phase, recipe, output, processes, folder / "work"))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert not (folder / "work" / "failures").read_text(encoding="utf-8")
    return int((folder / "work" / "count").read_text(encoding="utf-8"))


@pytest.mark.parametrize("phase", ["la", "se", "cla", "full"])
def test_a_crash_at_any_write_leaves_no_trace(phase: str, base: Path, modules: Path, tmp_path: Path) -> None:
    assert crash_everywhere(phase, 1, base, modules, tmp_path) > 20


def test_a_crash_at_any_write_of_two_processes_leaves_no_trace(base: Path, modules: Path, tmp_path: Path) -> None:
    assert crash_everywhere("se", 2, base, modules, tmp_path) > 20
