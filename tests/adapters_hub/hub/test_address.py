"""Addresses of modules: a folder, or a repo with or without a revision."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters_hub.address import Address, locate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/kaz", Address("org/kaz")),
        ("org/kaz@v1.0", Address("org/kaz", "v1.0")),
        ("org/kaz@refs/pr/1", Address("org/kaz", "refs/pr/1")),
        ("kaz", None),
        ("a/b/c", None),
        ("../kaz", None),
        ("org/..", None),
        ("org/kaz@", None),
        ("org/kaz@../../main", None),
        ("org/kaz@/etc", None),
        ("-org/kaz", None),
        ("org/kaz\n", None),
        ("org/kaz.", None),
        ("org/ka--z", None),
        ("org/kaz.git", None),
        ("org/қаз", None),
        (f"org/{'k' * 93}", None),
        ("org/kaz@v1.", None),
        ("org/kaz@a..b", None),
    ],
)
def test_an_address_is_a_repo_with_or_without_a_revision(text: str, expected: Address | None) -> None:
    assert Address.parse(text) == expected


def test_a_folder_that_is_there_wins_over_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("org/kaz") == Address("org/kaz")
    assert locate(Path("org/kaz")) == Path("org/kaz")
    (tmp_path / "org" / "kaz").mkdir(parents=True)
    assert locate("org/kaz") == Path("org/kaz")
    assert locate(Address("org/kaz")) == Address("org/kaz")
