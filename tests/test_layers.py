"""Arrows point one way: which packages and rooms may import which."""

from __future__ import annotations

import ast
from itertools import pairwise

import pytest

from tests.conftest import ROOT

ROOMS = {
    "adapters_hub": ["format", "cards", "hub", "base", "modules", "encoder", "bridges", "search"],
    "trainer": [
        *("settings", "data", "training", "vocabulary", "objectives", "runs"),
        *("controls", "translation", "preparation"),
    ],
    "demo": ["limits", "input", "compare", "views", "page"],
}
"""From the bottom up: a room may import only those before it."""


def imports(package: str) -> set[tuple[str, str]]:
    """Each room and what it imports, as `package.room`; files beside the rooms belong to no room."""
    found = set()
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT / package).parts
        room = parts[0] if len(parts) > 1 else ""
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {(room, ".".join(name.split(".")[:2])) for name in names}
    return found


@pytest.mark.parametrize("package", ROOMS)
def test_rooms_know_only_those_below(package: str) -> None:
    rooms = ROOMS[package]
    assert {path.parent.name for path in (ROOT / package).glob("*/__init__.py")} - {"web"} == set(rooms)
    for lower, upper in pairwise(rooms):
        above = {f"{package}.{room}" for room in rooms[rooms.index(upper) :]}
        assert {(room, name) for room, name in imports(package) if room == lower and name in above} == set()


def test_no_package_knows_one_that_stands_beside_or_above_it() -> None:
    others_of = {
        "adapters_hub": {"trainer", "eval", "demo", "speed"},
        "trainer": {"eval", "demo", "speed"},
        "eval": {"trainer", "demo", "speed"},
        "demo": {"trainer", "eval", "speed"},
        "speed": {"eval", "demo"},
    }
    for package, others in others_of.items():
        assert {name for _, name in imports(package) if name.split(".")[0] in others} == set()
