"""Where benchmark data comes from: clones of public repositories in one folder, or the Hugging Face Hub."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from adapters_hub.folders import sha256
from eval.errors import EvaluationError

VARIABLE = "MSE_EVAL_DATA"


@dataclass
class Source:
    """Reads files and Hub datasets, and remembers what it read.

    Args:
        folder: holds clones of the benchmarks' repositories; None: the Hub.
    """

    folder: Path | None = None
    read: dict[str, str] = field(default_factory=dict)
    """What was read: path below the folder to SHA-256, or Hub dataset to fingerprint."""

    @classmethod
    def open(cls, folder: str | os.PathLike[str] | None) -> Source:
        """The folder given, else `$MSE_EVAL_DATA`, else the Hub.

        Raises:
            EvaluationError: there is no such folder.
        """
        folder = folder or os.environ.get(VARIABLE) or None
        if folder is not None and not Path(folder).is_dir():
            raise EvaluationError(f"no folder with benchmark data at {folder}: expected clones of their repositories")
        return cls(Path(folder) if folder else None)

    def file(self, name: str, obtain: str) -> Path:
        """A file of a clone.

        Args:
            name: path below the folder.
            obtain: how to get it, for the message.

        Raises:
            EvaluationError: it is not there; says which, and where to get it.
        """
        assert self.folder is not None
        path = self.folder / name
        if not path.is_file():
            raise EvaluationError(f"benchmark data {path} is missing: {obtain}")
        if name not in self.read:
            self.read[name] = sha256(path)
        return path

    def lines(self, name: str, obtain: str) -> list[str]:
        """The lines of a text file; only line feeds end a line."""
        text = self.file(name, obtain).read_text(encoding="utf-8-sig")
        return [line.strip() for line in text.removesuffix("\n").split("\n")]

    def table(
        self,
        name: str,
        obtain: str,
        columns: Sequence[str],
        delimiter: str = ",",
        header: bool = True,
        quoted: bool = True,
    ) -> list[dict[str, str]]:
        """The rows of a CSV or TSV file.

        Args:
            name: path below the folder.
            obtain: how to get it, for the message.
            columns: that it must have, or has, where it has no header line.
            delimiter: comma or tab.
            header: the first line names the columns.
            quoted: a field with a quotation mark in it stands in quotation marks; otherwise such a mark is itself.
        """
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        path = self.file(name, obtain)
        with path.open(encoding="utf-8-sig", newline="") as file:
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

    def hub(self, dataset: str, revision: str | None, subset: str | None, split: str, columns: Sequence[str]) -> Any:  # noqa: ANN401
        """Rows of a dataset on the Hub, as a `datasets.Dataset`.

        Raises:
            EvaluationError: it cannot be had, or has other columns.
        """
        from datasets import load_dataset
        from datasets.exceptions import DatasetNotFoundError

        try:
            rows = load_dataset(dataset, subset, split=split, revision=revision)
        except (DatasetNotFoundError, ConnectionError, OSError, ValueError) as error:
            raise EvaluationError(
                f"the dataset {dataset} ({subset or 'default'}, {split}) cannot be fetched from the Hub "
                f"({str(error).splitlines()[0]}): give a folder with a clone, --data FOLDER or ${VARIABLE}"
            ) from error
        if missing := [column for column in columns if column not in rows.column_names]:
            raise EvaluationError(
                f"the dataset {dataset} has no column {missing[0]!r}; it has {', '.join(rows.column_names)}"
            )
        self.read[f"{dataset}/{subset or 'default'}/{split}"] = str(rows._fingerprint)
        return rows


def grades(rows: Sequence[Mapping[str, Any]], column: str, where: str) -> Iterator[float]:
    """A column as numbers.

    Raises:
        EvaluationError: one is no number; names the row.
    """
    for number, row in enumerate(rows):
        try:
            yield float(row[column])
        except (TypeError, ValueError) as error:
            raise EvaluationError(f"{where}, row {number + 1}: the grade {row[column]!r} is not a number") from error
