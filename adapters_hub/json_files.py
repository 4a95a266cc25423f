"""Read JSON that somebody else wrote: bounded in size and depth, of plain files, with one meaning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SMALL = 4 << 20
"""Bytes that a file of settings or records may have."""

_DEEPEST = 64


def load_json(path: Path, most: int = SMALL) -> Any:  # noqa: ANN401
    """The content of a JSON file.

    Args:
        path: already checked to lie where it should, see `adapters_hub.folders.inner_path`.
        most: bytes.

    Raises:
        ValueError: it is no plain file, cannot be read, is too large or nested too deeply, is not JSON, or has a key
            twice, which readers take differently. The message is for the caller to put behind the path.
    """
    return parse_json(read_plain(path, most))


def read_plain(path: Path, most: int) -> bytes:
    """The content of a plain file: not of a pipe or a device, which may never end.

    Raises:
        ValueError: it is none, or has more bytes than `most`.
    """
    if not path.is_file():
        raise ValueError("it is missing, or no plain file")
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    if len(content) > most:
        raise ValueError(f"it has more than {most} bytes")
    return content


def parse_json(content: bytes | str) -> Any:  # noqa: ANN401
    """The value; errors as those of `load_json`."""
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        value = json.loads(text, object_pairs_hook=_without_twins)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_DEEPEST):
        if not level:
            return value
        inner = (item.values() if isinstance(item, dict) else item for item in level)
        level = [part for parts in inner for part in parts if isinstance(part, dict | list)]
    raise ValueError("it is nested too deeply")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("it has a key twice")
    return values
