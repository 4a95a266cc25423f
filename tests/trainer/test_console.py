"""How the stages start."""

from __future__ import annotations

import os

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
