"""What `accelerate launch` leaves to a process on the CPU."""

from __future__ import annotations

import os

import pytest
import torch

from adapters_hub.processes import use_all_cores


@pytest.mark.parametrize(
    ("variables", "threads"),
    [
        ({"ACCELERATE_MIXED_PRECISION": "no", "OMP_NUM_THREADS": "1"}, 8),  # what the launcher sets by itself
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
