"""How many threads a process on the CPU uses under `accelerate launch`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil
import pytest
import torch

from adapters_hub import AdaptersHubError
from adapters_hub.processes import start_missing_processes, use_all_cores


@pytest.mark.parametrize(
    ("variables", "threads"),
    [
        ({"ACCELERATE_MIXED_PRECISION": "no", "OMP_NUM_THREADS": "1"}, 8),  # the launcher sets this by default
        ({"ACCELERATE_MIXED_PRECISION": "no", "OMP_NUM_THREADS": "1", "LOCAL_WORLD_SIZE": "3"}, 2),
        ({"ACCELERATE_MIXED_PRECISION": "no", "OMP_NUM_THREADS": "1", "LOCAL_WORLD_SIZE": "16"}, 1),
        ({"ACCELERATE_MIXED_PRECISION": "no", "OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}, 1),
        ({"ACCELERATE_MIXED_PRECISION": "no", "OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "1"}, 5),
    ],
)
def test_a_launched_stage_uses_the_cores_that_nobody_said_to_leave(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], threads: int
) -> None:
    for name in ("ACCELERATE_MIXED_PRECISION", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(5)
    try:
        use_all_cores()
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


class Parent:
    """A process with a launcher's command line."""

    def __init__(self, *words: str) -> None:
        self._words = ["python", "/bin/accelerate", *words]

    def parent(self) -> Parent:
        return self

    def cmdline(self) -> list[str]:
        return self._words


def executed(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """The command with torch's launcher by which a stage below `accelerate WORDS` replaces itself."""
    for name in ("RANK", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"MASTER_ADDR": "10.0.0.7", "MASTER_PORT": "2950", "ACCELERATE_USE_CPU": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(psutil, "Process", lambda: Parent(*words))
    monkeypatch.setattr(sys, "argv", ["stage.py", "--seed", "1"])
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, command: commands.append(command))
    start_missing_processes()
    (command,) = commands
    assert command[1:3] == ["-m", "torch.distributed.run"]
    assert command[-3:] == ["stage.py", "--seed", "1"]
    return command[3:-3]


MASTER = ["--master_addr", "10.0.0.7", "--master_port", "2950"]


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--num_processes", "3"], ["--nproc_per_node", "3", *MASTER]),
        (
            ["--num_machines", "2", "--machine_rank", "1", "--num_processes", "6"],
            ["--nproc_per_node", "3", *MASTER, "--nnodes", "2", "--node_rank", "1"],
        ),
        (
            ["--num_machines", "3", "--machine_rank", "0"],
            ["--nproc_per_node", "1", *MASTER, "--nnodes", "3", "--node_rank", "0"],
        ),
    ],
)
def test_a_stage_becomes_its_machines_share_of_the_processes_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, words: list[str], options: list[str]
) -> None:
    assert executed(monkeypatch, "launch", "--cpu", *words, "stage.py", "--seed", "1") == options


def test_machines_and_processes_may_be_those_of_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = {"compute_environment": "LOCAL_MACHINE", "distributed_type": "MULTI_CPU", "num_machines": 2}
    config |= {"num_processes": 4, "machine_rank": 1, "mixed_precision": "no", "use_cpu": True, "debug": False}
    (tmp_path / "cluster.json").write_text(json.dumps(config), encoding="utf-8")
    words = ["launch", "--config_file", str(tmp_path / "cluster.json"), "--machine_rank", "0", "stage.py"]
    expected = ["--nproc_per_node", "2", *MASTER, "--nnodes", "2", "--node_rank", "0"]
    assert executed(monkeypatch, *words) == expected


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["launch", "--cpu", "--num_machines", "2"], "needs the rank of this machine: --machine_rank 0"),
        (["launch", "--cpu", "--num_machines", "2", "--machine_rank", "2"], "1 to 1 on the others"),
        (
            ["launch", "--cpu", "--num_machines", "2", "--machine_rank", "0", "--num_processes", "5"],
            "5 cannot be divided evenly among 2 machines, 4 can",
        ),
        (["mystery"], "use torchrun"),
    ],
)
def test_what_cannot_be_started_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, words: list[str], line: str
) -> None:
    with pytest.raises(AdaptersHubError, match=line) as caught:
        executed(monkeypatch, *words, "stage.py")
    assert "\n" not in str(caught.value)
