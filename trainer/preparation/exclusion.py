"""Sentences of benchmarks, which must not be trained on."""

from __future__ import annotations

import csv
import lzma
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adapters_hub.folders import sha256
from adapters_hub.json_files import parse_json
from adapters_hub.reading import files_below
from adapters_hub.texts import text_key
from trainer.data.errors import DataError
from trainer.data.files import FORMATS
from trainer.data.text_files import file_format, read_lines


class Excluded:
    """A set of sentences, compared without case, spaces, punctuation and compatibility forms.

    Args:
        paths: files (.parquet, or .txt .tsv .csv .jsonl .json, these also as .xz or .gz), and folders of such files.
            Every text value in them counts as a sentence.

    Attributes:
        files: all files, those of the folders included.
        digests: the SHA-256 of each file, sorted.

    Raises:
        DataError: a file is missing or cannot be read, or a folder has no such file.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.files: list[Path] = []
        for path in paths:
            found = [path]
            if path.is_dir():
                found = sorted(inner for inner in files_below(path) if file_format(inner.name) in FORMATS)
            if not found or not found[0].is_file():
                raise DataError(f"--exclude: expected files of text ({' '.join(FORMATS)}) at {str(path)!r}, found none")
            self.files += found
        self._known: set[int] = set()
        digests = []
        for path in self.files:
            try:
                digests.append(sha256(path))
                self._known |= {text_key(folded) for text in _texts(path) if (folded := fold(text))}
                if sha256(path) != digests[-1]:
                    raise ValueError("it was changed while it was read")
            except (OSError, EOFError, ValueError, csv.Error, pa.ArrowException, lzma.LZMAError) as error:
                raise DataError(f"--exclude: {path} cannot be read ({str(error).splitlines()[0]})") from error
        self.digests = sorted(digests)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, text: object) -> bool:
        return bool(self._known) and isinstance(text, str) and text_key(fold(text)) in self._known


def fold(text: str) -> str:
    """The letters and digits of a text, without case and compatibility forms; the text itself if it has none."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, plain)) or plain.strip()


def _texts(path: Path) -> Iterator[str]:
    form = file_format(path.name)
    if form == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches():
            for value in batch.to_pylist():
                yield from _strings(value)
    elif form == ".json":
        yield from _strings(parse_json("\n".join(read_lines(path))))
    elif form == ".jsonl":
        for line in read_lines(path):
            yield from _strings(parse_json(line)) if line.strip() else ()
    elif form == ".csv":
        for row in csv.reader(f"{line}\n" for line in read_lines(path)):
            yield from row
    else:
        for line in read_lines(path):
            yield from line.split("\t")


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as inner:
                waiting += reversed(inner.values())
            case list() as inner:
                waiting += reversed(inner)
