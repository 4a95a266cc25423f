"""After a crash at any write of any phase, the same command ends with the same folder as an undisturbed run.

`MSE_EVERY_CRASH=1 pytest tests/trainer/runs/test_crashes.py` resumes from every state; the default is a sample of them.
"""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from tests.trainer.runs.crashes import Launch, crash_everywhere
from tests.trainer.runs.launch import PRELOADED, training, write_recipe

_PART = 1 if os.environ.get("MSE_EVERY_CRASH") else 8
ONE = [Launch(phase, every=_PART) for phase in ("la", "se", "cla", "full")]
TWO = [Launch("se", processes=2, every=2 * _PART), Launch("cla", processes=2, machines=2, every=4 * _PART)]


@pytest.mark.parametrize("launch", ONE + TWO, ids=str)
def test_a_crash_at_any_write_leaves_no_trace(launch: Launch, base: Path, modules: Path, tmp_path: Path) -> None:
    # 16 rows in batches of 8 make epochs of two steps; the third step is the first of the second epoch, and the last.
    steps = {"training": training(steps=3, batch=8 // launch.processes, save_steps=2)}
    changes = {name: steps | {"data": {"limit": 16}} for name in ("la", "se")}
    changes["cla"] = steps | {"paraphrase": {"limit": 16}, "parallel": {"limit": 16}}
    start = {"phases": [launch.phase], "start_from": str(modules / "deu")} if launch.phase in ("la", "se") else {}
    recipe = write_recipe(
        tmp_path / "recipe.yaml",
        base,
        tmp_path / "out",
        modules_dir=str(modules),
        vocabulary={"strategy": "keep"},
        full={"controls": ["mono"], "training": {"max_steps": 3}},
        **start,
        **changes,
    )
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    child = context.Process(target=crash_everywhere, args=(launch, recipe, tmp_path / "work"))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert not (tmp_path / "work" / "failures").read_text(encoding="utf-8")
    assert int((tmp_path / "work" / "count").read_text(encoding="utf-8")) > 20
