"""`sources.json` and `SOURCES.md`: the sources of every file in the folder, and their licences."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from adapters_hub.cards.markdown import plain
from adapters_hub.folders import write_text
from adapters_hub.reading import read_json
from trainer.data.errors import DataError
from trainer.preparation.assembling import Assembled

MACHINE, HUMAN = "sources.json", "SOURCES.md"
_HEAD = """# Sources

Written by `trainer/prepare.py`; `sources.json` says the same for programs, with the commit of every data set, what was
dropped and why, and the SHA-256 of every file. `provenance/KIND-LANGUAGE.txt.xz` names the source of each line.
"""


def record(output: Path, files: Iterable[Assembled], excluded: Iterable[str]) -> None:
    """Add files to the catalog of a folder; its entries for other files stay.

    Raises:
        DataError: the present catalog cannot be read.
        AdaptersHubError: the catalog cannot be written.
    """
    path = output / MACHINE
    with FileLock(output / f".{MACHINE}.lock"):
        entries = read(output)
        for file in files:
            entries[file.path.relative_to(output).as_posix()] = file.facts | {"excluded": sorted(excluded)}
        write_text(path, json.dumps({"files": dict(sorted(entries.items()))}, indent=2, ensure_ascii=False) + "\n")
        write_text(output / HUMAN, "\n".join(_page(entries)) + "\n")


def read(output: Path) -> dict[str, Any]:
    """The entries of `sources.json`, by file.

    Raises:
        DataError: the catalog cannot be read.
    """
    path = output / MACHINE
    if not path.is_file():
        return {}
    try:
        entries: dict[str, Any] = read_json(path)["files"]
        return entries
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read as a catalog ({error!r}): delete it and start again") from error


def _page(entries: dict[str, Any]) -> Iterator[str]:
    yield _HEAD
    yield "| file | lines | source | of these | licence | may be released | from |"
    yield "| --- | ---: | --- | ---: | --- | --- | --- |"
    for name, facts in sorted(plain(entries).items()):
        for source in facts["sources"]:
            where = source["where"] + (f" @ {source['revision'][:12]}" if source["revision"] else "")
            where += f", translated by {source['translated_by']}" if source["translated_by"] else ""
            for label, of_label in source["labels"].items():
                cells = (
                    name,
                    f"{facts['lines']:,}",
                    label,
                    f"{of_label['lines']:,}",
                    of_label["license"] or "unknown",
                    "yes" if source["release"] else "**no**",
                    where,
                )
                yield f"| {' | '.join(cells)} |"
