"""The requirements in pyproject.toml: ranges that hold, and names that everything else uses too."""

from __future__ import annotations

import re
import tomllib

from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT
from tests.lowest import lowest, requirements

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = set(PROJECT["project"]["optional-dependencies"])
FILES = ("README.md", "Makefile", "constraints.txt", "CONTRIBUTING.md")
PLACES = (*FILES, "demo", "adapters_hub", "trainer", "eval", "speed")
GROUPS = set(PROJECT["dependency-groups"])


def test_every_range_has_one_lower_bound_and_holds_the_version_that_is_tested() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    tested = {canonicalize_name(name): Version(version) for name, version in pinned.items()}
    bounds = lowest(PROJECT)
    for requirement in requirements(PROJECT, left=()):
        name = canonicalize_name(requirement.name)
        assert tested[name] in requirement.specifier, f"{requirement} against {tested[name]} in constraints.txt"
    assert all(Version(bound) <= tested[name] for name, bound in bounds.items())


def test_extras_and_groups_that_are_named_exist() -> None:
    named = 0
    for path in PLACES:
        place = ROOT / path
        files = (
            [place] if place.is_file() else [file for file in place.rglob("*") if file.suffix in (".md", ".py", ".txt")]
        )
        for file in files:
            text = file.read_text(encoding="utf-8")
            for found in re.findall(r"(?:modular-sentence-encoders|-e '\.|^\.)\[([a-z,]+)\]", text, re.MULTILINE):
                assert set(found.split(",")) <= EXTRAS, f"{file} names {found}"
                named += 1
            for found in re.findall(r"--group ([a-z]+)", text):
                assert found in GROUPS, f"{file} names the group {found}"
                named += 1
    assert named > 8


def test_the_wheel_asks_for_nothing_that_only_training_needs() -> None:
    core = {canonicalize_name(re.split(r"[\[<>=~ ]", line)[0]) for line in PROJECT["project"]["dependencies"]}
    assert core.isdisjoint(
        {"peft", "accelerate", "psutil", "datasets", "pandas", "matplotlib", "sentence-transformers"}
    )
