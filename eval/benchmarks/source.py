"""Reads benchmark data from a clone of a public repository in the data folder, or from the Hugging Face Hub."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path
from typing import Any, Literal

from adapters_hub.folders import sha256
from adapters_hub.json_files import parse_json
from eval.benchmarks.hub import Hub, commit_of, load_part
from eval.errors import EvaluationError, MissingDataError

VARIABLE = "MSE_EVAL_DATA"
SAMPLE = "sample_data"
_ON_THE_HUB = "hf://datasets/"


def data_folder(given: str | os.PathLike[str] | None) -> Path | None:
    """The data folder: the given folder with clones, else `$MSE_EVAL_DATA`, else None.

    Raises:
        EvaluationError: the folder does not exist.
    """
    folder = given or os.environ.get(VARIABLE) or None
    if folder is not None and not Path(folder).is_dir():
        asked = "" if given else f" (from ${VARIABLE})"
        raise EvaluationError(
            f"no folder with benchmark data at {folder}{asked}: expected clones of the benchmarks' repositories, which "
            "python -m eval benchmarks lists; without a folder, data comes from the Hub"
        )
    return Path(folder) if folder else None


@dataclass
class Source:
    """Reads the data of one benchmark from one place, and records what it read.

    Args:
        folder: folder with clones of the benchmarks' repositories; None: the Hub.
        hub: access to datasets on the Hub.
    """

    folder: Path | None = None
    hub: Hub = field(default_factory=Hub)
    read: dict[str, str] = field(default_factory=dict)
    """What was read: maps a path in the data folder to the SHA-256 of the file, or
    `hf://datasets/ID@REVISION/SUBSET/SPLIT` to the SHA-256 of the rows."""

    def has(self, names: Iterable[str]) -> bool:
        """Whether all these files or folders exist in the clone; always True for the Hub."""
        return self.folder is None or all((self.folder / name).exists() for name in names)

    def matches(self, pattern: str) -> list[str]:
        """The texts that the star of a pattern matches in the names of existing files, sorted."""
        assert self.folder is not None
        shape = re.compile(re.escape(pattern).replace(r"\*", "([^/]*)"))
        there = (path.relative_to(self.folder) for path in self.folder.glob(pattern))
        found = (path.as_posix() for path in there if not any(part.startswith((".", "_")) for part in path.parts))
        return sorted(match[1] for name in found if (match := shape.fullmatch(name)))

    def file(self, name: str, obtain: str) -> Path:
        """The path of a file of a clone; records the file as read.

        Args:
            name: path relative to the data folder.
            obtain: how to get the file, for the error message.

        Raises:
            MissingDataError: the file is missing; the message says how to get it.
        """
        assert self.folder is not None
        path = self.folder / name
        if not path.is_file():
            raise MissingDataError(f"benchmark data {path} is missing: {obtain}")
        if name not in self.read:
            self.read[name] = sha256(path)
        return path

    def lines(self, name: str, obtain: str) -> list[str]:
        """Read the lines of a text file; only line feeds end a line."""
        path = self.file(name, obtain)
        with _decoded(path):
            text = path.read_text(encoding="utf-8-sig")
        return [line.strip() for line in text.removesuffix("\n").split("\n")]

    def json_lines(self, name: str, obtain: str, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Read a file of one JSON object a line, each with these columns; what else it has is kept.

        Raises:
            EvaluationError: a line is not an object with the columns; the message names the line.
        """
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(self.lines(name, obtain), start=1):
            if not line:
                continue
            try:
                row = parse_json(line)
                rows.append({**row, **{column: row[column] for column in columns}})
            except (ValueError, KeyError, TypeError) as error:
                raise EvaluationError(
                    f"benchmark data {name}, line {number}: expected JSON with {', '.join(columns)}"
                ) from error
        return rows

    def table(
        self,
        name: str,
        obtain: str,
        columns: Sequence[str],
        delimiter: str = ",",
        header: bool = True,
        quoted: bool = True,
    ) -> list[dict[str, str]]:
        """Read the rows of a CSV or TSV file.

        Args:
            name: see `file`.
            obtain: see `file`.
            columns: the required columns; without a header line, all columns in order.
            delimiter: comma or tab.
            header: whether the first line names the columns.
            quoted: whether quotation marks delimit fields; otherwise they are ordinary characters.
        """
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        path = self.file(name, obtain)
        with _decoded(path), path.open(encoding="utf-8-sig", newline="") as file:
            names = None if header else list(columns)
            rows = list(csv.DictReader(file, names, delimiter=delimiter, quoting=quoting))
        if not rows:
            raise EvaluationError(f"benchmark data {path} is empty: {obtain}")
        for number, row in enumerate(rows):
            missing = [column for column in columns if row.get(column) is None]
            if missing or None in row:
                found = ", ".join(str(column) for column in row)
                raise EvaluationError(
                    f"benchmark data {path}, row {number + 1}: expected the columns {', '.join(columns)}, found {found}"
                )
        return rows

    def rows(self, dataset: str, revision: str | None, subset: str | None, split: str, columns: Sequence[str]) -> Any:  # noqa: ANN401
        """Read rows of a dataset on the Hub, or of a clone of it, as a `datasets.Dataset`.

        Raises:
            MissingDataError: the dataset cannot be loaded, or lacks a column.
            EvaluationError: the name of the data folder contains a pattern character.
        """
        if self.folder is None:
            rows = self.hub.fetch(dataset, revision, subset, split)
            name = f"{_ON_THE_HUB}{dataset}@{commit_of(rows) or revision or 'unknown'}"
        else:
            name = dataset.rpartition("/")[2]
            if has_magic(str(self.folder)):
                raise EvaluationError(
                    f"the name of the data folder {self.folder} contains *, ? or [, which would be read as a pattern: "
                    "rename it"
                )
            rows = load_part(str(self.folder / name), subset, split)
        if missing := [column for column in columns if column not in rows.column_names]:
            raise MissingDataError(
                f"the dataset {dataset} has no column {missing[0]!r}; it has {', '.join(rows.column_names)}"
            )
        self.read[f"{name}/{subset or 'default'}/{split}"] = _digest(rows)
        return rows


@contextlib.contextmanager
def _decoded(path: Path) -> Iterator[None]:
    """Turn errors of decoding and parsing into errors that name the file.

    Raises:
        EvaluationError: the file is not UTF-8 text, or not a valid table.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise EvaluationError(f"benchmark data {path} is not UTF-8 ({error}): fetch it again, or convert it") from error
    except csv.Error as error:
        raise EvaluationError(f"benchmark data {path} is not a valid table ({error}): fetch it again") from error


def origin(read: Iterable[str]) -> str:
    """Where data came from, for display: `clone stsb-multi-mt`, or `Hub mteb/sib200@a74d7350ea12`.

    Args:
        read: keys of `Source.read`.
    """
    places: dict[str, None] = {}
    for name in read:
        if name.startswith(_ON_THE_HUB):
            owner, dataset = name.removeprefix(_ON_THE_HUB).split("/")[:2]
            dataset, _, revision = dataset.partition("@")
            places[f"Hub {owner}/{dataset}@{revision[:12]}"] = None
        else:
            folder = name.partition("/")[0]
            places[folder if folder == SAMPLE else f"clone {folder}"] = None
    return ", ".join(places) or "unknown"


def _digest(rows: Any) -> str:  # noqa: ANN401
    digest = hashlib.sha256()
    for column in sorted(rows.column_names):
        digest.update(json.dumps([column, list(rows[column])], default=str).encode())
    return digest.hexdigest()
