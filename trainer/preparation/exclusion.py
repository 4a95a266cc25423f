"""Sentences of benchmarks, which must not be trained on."""

from __future__ import annotations

import csv
import hashlib
import json
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from adapters_hub.folders import sha256
from trainer.errors import DataError
from trainer.text_files import file_format, read_lines

_KNOWN = (".txt", ".tsv", ".csv", ".jsonl", ".json", ".parquet")


class Excluded:
    """Sentences, compared without case, spaces, punctuation and compatibility forms.

    Args:
        paths: files (.txt .tsv .csv .jsonl .parquet, also as .xz or .gz, but Parquet), and folders of such. Every value
            that is text is taken for a sentence.

    Attributes:
        files: all of them.
        digests: SHA-256 of each, in an order that does not depend on where they lie.

    Raises:
        DataError: one is missing or cannot be read, or a folder has no such file.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.files: list[Path] = []
        for path in paths:
            found = _files_in(path) if path.is_dir() else [path]
            if not found or not found[0].is_file():
                raise DataError(f"--exclude: expected files of text ({' '.join(_KNOWN)}) at {str(path)!r}, found none")
            self.files += found
        self._known: set[bytes] = set()
        for path in self.files:
            try:
                self._known |= {_digest(folded) for text in _texts(path) if (folded := fold(text))}
            except (OSError, EOFError, ValueError, csv.Error) as error:
                raise DataError(f"--exclude: {path} cannot be read ({str(error).splitlines()[0]})") from error
        self.digests = sorted(sha256(path) for path in self.files)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, text: object) -> bool:
        return bool(self._known) and isinstance(text, str) and _digest(fold(text)) in self._known


def fold(text: str) -> str:
    """Letters and digits only, without case and compatibility forms; as it is where there are none."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, plain)) or plain.strip()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and file_format(path.name) in _KNOWN)


def _texts(path: Path) -> Iterator[str]:
    form = file_format(path.name)
    if form == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches():
            for value in batch.to_pylist():
                yield from _strings(value)
    elif form == ".json":
        yield from _strings(json.loads("\n".join(read_lines(path))))
    elif form == ".jsonl":
        for line in read_lines(path):
            yield from _strings(json.loads(line)) if line.strip() else ()
    elif form == ".csv":
        for row in csv.reader(f"{line}\n" for line in read_lines(path)):
            yield from row
    else:
        for line in read_lines(path):
            yield from line.split("\t")


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
