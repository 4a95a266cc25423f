"""Curves of cost against size, and the memory of a program; the measured values themselves are not tested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters_hub.errors import AdaptersHubError
from speed.measure import run
from speed.report import Curve, scaling_table, write_scaling_report

CURVES = [
    Curve("Encoding", "languages loaded", "ms a sentence", {"one": [(1, 5.0), (100, 6.0)]}, grows=False),
    Curve("A step", "pairs", "s", {"cached": [(32, 1.0), (1024, 30.0)], "whole": [(32, 0.8), (64, 1.6)]}, grows=True),
]


def test_the_table_says_how_much_the_cost_grew_with_the_size() -> None:
    shown = scaling_table(CURVES)
    assert "| Encoding, one (ms a sentence by languages loaded) | 1: 5, 100: 6 | 100x | 1.2x |" in shown
    assert "| 32: 1, 1,024: 30 | 32x | 30x |" in shown
    assert "| 32: 0.8, 64: 1.6 | 2x | 2x |" in shown


def test_the_report_has_every_point(tmp_path: Path) -> None:
    shown = write_scaling_report(CURVES, "sample data", tmp_path)
    assert "sample data" in shown
    values = json.loads((tmp_path / "scaling.json").read_text(encoding="utf-8"))
    assert values["curves"][1]["lines"]["whole"] == [[32, 0.8], [64, 1.6]]
    assert (tmp_path / "scaling.png").stat().st_size > 1000


def test_the_memory_of_a_program_is_its_peak() -> None:
    little = run(["-c", "print('done')"])
    much = run(["-c", "x = b'1' * 300_000_000; del x; print('done')"])
    assert little[0] == much[0] == "done\n"
    assert little[1] < 100e6
    assert 300e6 < much[1] < 400e6


def test_the_memory_of_a_program_counts_what_it_starts() -> None:
    inner = "x = b'1' * 300_000_000"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    assert run(["-c", code])[1] > 300e6


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(AdaptersHubError, match="no such luck"):
        run(["-c", "import sys; sys.exit('no such luck')"])
