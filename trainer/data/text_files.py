"""Text files by lines, compressed if their names say so."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from adapters_hub.errors import AdaptersHubError
from adapters_hub.reading import check_regular

OPENERS: dict[str, Callable[..., IO[Any]]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
"""What reads and writes a file with this suffix."""


def file_format(name: str) -> str:
    """The suffix of a file's name, that of compression left out."""
    path = Path(name)
    return (path.with_suffix("") if path.suffix in OPENERS else path).suffix


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a file, without the line feed that ends each.

    Raises:
        AdaptersHubError: it is no plain file.
    """
    check_regular(path)
    with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a file beside its place and rename it: readers see the old content or the new, whole.

    The same lines give the same bytes, but in .gz, which holds the time.

    Raises:
        AdaptersHubError: the disk cannot take it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            unfinished = Path(folder) / path.name
            with OPENERS.get(path.suffix, open)(unfinished, "wt", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{line}\n" for line in lines)
            unfinished.replace(path)
    except OSError as error:
        raise AdaptersHubError(f"{path} was not written: {error.strerror or error}") from error
