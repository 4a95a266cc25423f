"""Two machines over loopback with the usual launchers; one is killed, and both resume.

Real launches import everything several times, so they run only if `MSE_EVERY_CRASH` is set.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.trainer.runs.launch import STAGE1, environment, free_port, manifest, training, weights, write_recipe

pytestmark = pytest.mark.skipif(not os.environ.get("MSE_EVERY_CRASH"), reason="takes minutes: make thorough")

STEPS = 12


def by_accelerate(rank: int, port: str) -> list[str]:
    machines = ["--num_machines", "2", "--num_processes", "2", "--machine_rank", str(rank)]
    address = ["--main_process_ip", "127.0.0.1", "--main_process_port", port]
    return ["-m", "accelerate.commands.accelerate_cli", "launch", "--cpu", *machines, *address]


def by_torchrun(rank: int, port: str) -> list[str]:
    machines = ["--nnodes", "2", "--nproc_per_node", "1", "--node_rank", str(rank)]
    return ["-m", "torch.distributed.run", *machines, "--master_addr", "127.0.0.1", "--master_port", port]


LAUNCHERS: dict[str, Callable[[int, str], list[str]]] = {"accelerate": by_accelerate, "torchrun": by_torchrun}


class Machines:
    """Two launchers, as on two machines.

    Args:
        launcher: makes a command line from a rank and a port.
        recipe: the recipe that both run.
        disks: the folder that each machine writes to; the same folder twice if they share it.
    """

    def __init__(self, launcher: Callable[[int, str], list[str]], recipe: Path, disks: list[Path]) -> None:
        port = free_port()
        self.logs = [recipe.with_name(f"{recipe.stem}-{rank}.log") for rank in range(2)]
        self.processes = []
        for rank, (disk, log) in enumerate(zip(disks, self.logs, strict=True)):
            stage = [str(STAGE1), "--recipe", str(recipe), "--output_dir", str(disk / "out")]
            with log.open("ab") as file:
                process = subprocess.Popen(
                    [sys.executable, *launcher(rank, port), *stage],
                    env=environment() | {"MSE_CACHE": str(disk / "cache"), "ACCELERATE_USE_CPU": "true"},
                    cwd=ROOT,
                    stdout=file,
                    stderr=file,
                )
            self.processes.append(process)

    def kill(self, rank: int) -> None:
        """Kill all processes of a machine; launchers start workers in their own sessions, which a group kill misses."""
        with contextlib.suppress(psutil.NoSuchProcess):
            launcher = psutil.Process(self.processes[rank].pid)
            for process in [*launcher.children(recursive=True), launcher]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.processes[rank].wait()

    def wait(self, seconds: float = 600) -> list[int]:
        return [process.wait(seconds) for process in self.processes]

    def text(self) -> str:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace") for log in self.logs)


@contextlib.contextmanager
def machines(launcher: str, recipe: Path, disks: list[Path]) -> Iterator[Machines]:
    both = Machines(LAUNCHERS[launcher], recipe, disks)
    try:
        yield both
    finally:
        for rank in range(2):
            both.kill(rank)


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("shared", [True, False], ids=["shared disk", "own disks"])
def test_two_machines_that_lost_one_end_with_the_same_weights(
    launcher: str, shared: bool, calm_base: Path, tmp_path: Path
) -> None:
    recipes, disks = {}, {}
    for name in ("whole", "killed"):
        changes = {"phases": "vocabulary,se", "se": {"training": training(steps=STEPS, batch=4)}}
        recipes[name] = write_recipe(tmp_path / f"{name}.yaml", calm_base, tmp_path / "unused", **changes)
        places = [tmp_path / name / ("0" if shared else str(rank)) for rank in range(2)]
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
        disks[name] = places
    with machines(launcher, recipes["whole"], disks["whole"]) as run:
        assert run.wait() == [0, 0], run.text()
    checkpoints = disks["killed"][0] / "out" / "unfinished" / "deu" / "se" / "checkpoints"
    with machines(launcher, recipes["killed"], disks["killed"]) as run:
        until = time.monotonic() + 600
        while not (checkpoints / "checkpoint-4" / "trainer_state.json").exists():
            assert time.monotonic() < until, run.text()
            assert run.processes[0].poll() is None, run.text()
            time.sleep(0.005)
        run.kill(1)
        assert run.processes[0].wait(120) != 0  # the other machine does not wait forever
    assert not (disks["killed"][0] / "out" / "deu").exists()
    with machines(launcher, recipes["killed"], disks["killed"]) as run:
        assert run.wait() == [0, 0], run.text()
        assert "resuming from" in run.text()
    found = [weights(disk / "out" / "deu") for disk in (*disks["whole"], *disks["killed"])]
    assert all(one == found[0] for one in found)
    assert manifest(disks["killed"][1] / "out" / "deu")["training"]["phases"]["se"]["processes"] == 2
