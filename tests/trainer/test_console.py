"""The start of the stages."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import torch

from adapters_hub import AdaptersHubError
from trainer.runs import console


@pytest.mark.parametrize(
    ("asked", "fast", "computed"), [("bf16", False, "no"), ("bf16", True, "bf16"), ("no", False, "no")]
)
def test_bfloat16_is_left_where_a_processor_has_no_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, asked: str, fast: bool, computed: str
) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", asked)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    monkeypatch.setattr(console, "has_fast_bfloat16", lambda device: fast)
    assert console._without_slow_bfloat16() == (asked != computed)
    assert os.environ["ACCELERATE_MIXED_PRECISION"] == computed


def test_a_disk_that_fails_is_one_line_and_other_faults_of_the_system_are_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as left:
        console.run_command(lambda: (tmp_path / "file" / "below").mkdir())
    assert left.value.code == 1
    line = capsys.readouterr().err
    assert line.startswith(f"error: {tmp_path / 'file' / 'below'} cannot be read or written (Not a directory): ")
    assert line.count("\n") == 1
    with pytest.raises(FileNotFoundError):
        console.run_command((tmp_path / "missing").unlink)


def fail_with(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("rank", ["0", "1"])
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (AdaptersHubError("the disk of this machine is full"), "error: the disk of this machine is full\n"),
        (RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.0.0.2]"), "error: another proc"),
        (torch.distributed.DistNetworkError("the client socket has timed out"), "error: another process has ended"),
    ],
)
def test_a_mistake_that_one_process_alone_has_found_is_told_in_one_line(
    error: Exception, line: str, rank: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_RANK", rank)
    waited: list[float] = []
    monkeypatch.setattr(console.time, "sleep", waited.append)
    monkeypatch.setattr(console, "start_missing_processes", lambda: fail_with(error))
    with pytest.raises(SystemExit, match="1"):
        console.run_command(lambda: None)
    told = capsys.readouterr().err
    assert told.startswith(line)
    assert told.count("\n") == 1
    # The first process of a machine reports at once; the others wait for it to report the same.
    assert bool(waited) == (rank == "1")


def test_a_fault_of_the_program_is_not_taken_for_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "start_missing_processes", lambda: fail_with(RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes"):
        console.run_command(lambda: None)
