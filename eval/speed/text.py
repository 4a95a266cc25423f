"""Real text for the measurements: a folder in the layout that `paper.yaml` reads, or the project's sample data."""

from __future__ import annotations

import csv
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from eval.errors import EvaluationError

ROOT = Path(__file__).parent.parent.parent
_Row = TypeVar("_Row")
_SAMPLE = ("eng", "deu", "tur", "rus", "kaz")


class Text:
    """Sentences, paraphrases and translations by language.

    Args:
        folder: folder with `mono/LANGUAGE.txt.xz`, `paraphrase/LANGUAGE.tsv.xz` and `parallel/eng-LANGUAGE.tsv.xz`;
            None: the sample data.

    Raises:
        EvaluationError: the folder has no `mono/LANGUAGE.txt.xz`.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder is not None and not any(folder.glob("mono/*.txt.xz")):
            raise EvaluationError(
                f"{folder} has no mono/LANGUAGE.txt.xz: expected a folder in the layout that recipes/paper.yaml reads"
            )

    @property
    def name(self) -> str:
        """Name of the text, for reports."""
        return "sample data" if self.folder is None else self.folder.name

    def languages(self, count: int) -> list[str]:
        """At most `count` languages, with English and German first."""
        if self.folder is None:
            return list(_SAMPLE[:count])
        found = sorted(path.name.partition(".")[0] for path in self.folder.glob("mono/[!._]*.txt.xz"))
        return sorted(found, key=lambda code: (code != "eng", code != "deu", code))[:count]

    def mono(self, language: str, count: int) -> list[str]:
        """Return `count` sentences of a language; they repeat if there are fewer."""
        rows = (row[0] for row in self._rows(f"mono/{language}.txt.xz", (language, f"{language}_paraphrase")))
        return _repeated([text for text in rows if text.strip()], count)

    def paraphrases(self, language: str, count: int) -> list[tuple[str, str]]:
        """Return `count` paraphrase pairs of a language; they repeat if there are fewer."""
        return self._pairs(f"paraphrase/{language}.tsv.xz", (language, f"{language}_paraphrase"), count)

    def parallel(self, language: str, count: int) -> list[tuple[str, str]]:
        """Return `count` pairs of an English sentence and its translation; they repeat if there are fewer."""
        return self._pairs(f"parallel/eng-{language}.tsv.xz", ("eng", language), count)

    def _pairs(self, name: str, columns: tuple[str, str], count: int) -> list[tuple[str, str]]:
        pairs = [(row[0], row[1]) for row in self._rows(name, columns, pairs=True) if row[0].strip() and row[1].strip()]
        return _repeated(pairs, count)

    def _rows(self, name: str, columns: tuple[str, str], pairs: bool = False) -> Iterator[list[str]]:
        if self.folder is not None:
            with lzma.open(self.folder / name, "rt", encoding="utf-8") as file:
                for line in file:
                    yield line.rstrip("\n").split("\t")
            return
        with (ROOT / "sample_data" / "meanings" / "train.tsv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                if pairs:
                    yield [row[column] for column in columns]
                else:
                    yield from ([row[column]] for column in columns)


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    """Write a file of lines for a run to read, and return its path."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _repeated(rows: list[_Row], count: int) -> list[_Row]:
    if not rows:
        raise EvaluationError("there is no text to measure on")
    return (rows * (count // len(rows) + 1))[:count]
