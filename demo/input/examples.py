"""Example sentences, written for this project (CC0)."""

from __future__ import annotations

import csv
import functools
from collections.abc import Collection
from pathlib import Path

from demo.input.sentences import Row
from demo.limits.errors import DemoError

_FOLDER = Path(__file__).parent.parent / "examples"

TITLES = {
    "first": "Said differently everywhere",
    "timetable": "Late, early, cancelled",
    "traps": "Same words, different meaning",
    "right_to_left": "Right to left",
    "scripts": "Six scripts",
    "turkic": "Turkic neighbours",
}
"""Titles of the sets, by file name."""


@functools.cache
def example(name: str) -> tuple[Row, ...]:
    """The rows of a set.

    Raises:
        DemoError: there is no such set.
    """
    if name not in TITLES:
        raise DemoError(f"no examples {str(name)[:40]!r}: choose among {', '.join(TITLES)}")
    with (_FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(Row(line["language"], line["text"], line["meaning"]) for line in lines)


def opening(languages: Collection[str]) -> tuple[str, list[Row]]:
    """The set that a page opens with, and its rows in languages with a module.

    It is the set with the most such languages; if no set has two of them, the first set with all its rows.

    Args:
        languages: the languages with a module.
    """
    covered = {name: {row.language for row in example(name)} & set(languages) for name in TITLES}
    name = max(TITLES, key=lambda name: len(covered[name]))
    if len(covered[name]) < 2:
        name = next(iter(TITLES))
        return name, list(example(name))
    return name, [row for row in example(name) if row.language in covered[name]]
