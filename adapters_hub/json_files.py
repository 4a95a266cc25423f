"""Write JSON, and read what others wrote: only plain files, of limited size and depth, without duplicate keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SMALL = 4 << 20
"""Largest size in bytes of a file of settings or records."""

_DEEPEST = 64


def load_json(path: Path, most: int = SMALL) -> Any:  # noqa: ANN401
    """The content of a JSON file.

    Args:
        path: a path that the caller has checked, see `adapters_hub.folders.inner_path`.
        most: largest size in bytes.

    Raises:
        ValueError: the file is not a plain file, cannot be read, is too large or nested too deeply, is not JSON, or has
            a key twice, which parsers read differently. The caller puts the path before the message.
    """
    return parse_json(read_plain(path, most))


def read_plain(path: Path, most: int) -> bytes:
    """The content of a plain file. Pipes and devices are refused, since they may never end.

    Raises:
        ValueError: it is not a plain file, cannot be read, or has more than `most` bytes.
    """
    if not path.is_file():
        raise ValueError("it is missing, or not a plain file")
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    if len(content) > most:
        raise ValueError(f"it has more than {most} bytes")
    return content


def parse_json(content: bytes | str) -> Any:  # noqa: ANN401
    """The value that JSON text stands for; errors as for `load_json`."""
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


def write_json(path: Path, values: Any) -> None:  # noqa: ANN401
    """Write a JSON file, and create its folder if need be."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
