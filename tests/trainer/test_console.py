"""How the stages start."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from trainer import console


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
