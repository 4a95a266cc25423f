"""Read and write text files line by line; the suffix of the name decides whether a file is compressed."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from adapters_hub.folders import write_file
from adapters_hub.reading import check_regular

OPENERS: dict[str, Callable[..., IO[Any]]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
"""The function that opens a compressed file, by suffix."""


def file_format(name: str) -> str:
    """The suffix of a file's name, without that of the compression."""
    path = Path(name)
    return (path.with_suffix("") if path.suffix in OPENERS else path).suffix


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a file, without their line feeds.

    Raises:
        AdaptersHubError: the path is not a regular file.
    """
    check_regular(path)
    with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file by `adapters_hub.folders.write_file`.

    The same lines give the same bytes, except in .gz files, which contain the time.

    Raises:
        AdaptersHubError: the file cannot be written.
    """
    opener = OPENERS.get(path.suffix, open)
    with write_file(path) as unfinished, opener(unfinished, "wt", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
