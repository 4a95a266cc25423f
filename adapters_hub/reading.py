"""Read files that users name: only plain files are read, and an error is one line."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters_hub.errors import AdaptersHubError
from adapters_hub.json_files import parse_json


def check_regular(path: str | os.PathLike[str]) -> Path:
    """Refuse anything but a plain file: a pipe may block forever, a device may never end.

    Raises:
        AdaptersHubError: the path does not exist, or is not a plain file.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise AdaptersHubError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if stat.S_ISDIR(mode):
        raise AdaptersHubError(f"{path} is a folder: name a file in it")
    if not stat.S_ISREG(mode):
        raise AdaptersHubError(f"{path} is a pipe or a device: write its content to a file, and name that")
    return Path(path)


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """The content of a text file.

    Raises:
        AdaptersHubError: it does not exist, cannot be read, is not a plain file, or is not UTF-8.
    """
    try:
        return check_regular(path).read_text(encoding=encoding)
    except UnicodeDecodeError as error:
        raise AdaptersHubError(f"{path} is not UTF-8 ({error}): save it as UTF-8, or convert it with iconv") from error
    except OSError as error:
        raise AdaptersHubError(f"{path} cannot be read ({error.strerror or error})") from error


def read_json(path: str | os.PathLike[str]) -> Any:  # noqa: ANN401
    """The content of a JSON file.

    Raises:
        AdaptersHubError: as for `read_text`, or it is not JSON.
    """
    try:
        return parse_json(read_text(path))
    except AdaptersHubError:
        raise
    except ValueError as error:
        raise AdaptersHubError(f"{path} is not JSON ({error})") from error


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the plain files in a folder and its subfolders, at any depth, sorted within each folder.

    Links to folders are not followed. Names that begin with a dot or an underscore are left out: they belong to hidden
    files, and to notes that programs leave beside data.
    """
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        inner: list[Path] = []
        for path in sorted(here.iterdir()):
            if path.name.startswith((".", "_")):
                continue
            if path.is_dir():
                inner += [] if path.is_symlink() else [path]
            elif path.is_file():
                yield path
        waiting += reversed(inner)
