"""Escape text of other people for a card: it stays plain text, within its line and table cell."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, TypeVar

_SPACE = re.compile(r"\s+")
_MARKUP = re.compile(r"([\\|<>\[\]*])")

T = TypeVar("T")


def plain(value: T) -> T:
    """A copy of a value with all text in it escaped, including text in lists, dicts (keys too) and dataclasses.

    Line breaks become spaces, unprintable characters are left out, backticks become apostrophes (in a code span they
    cannot be escaped), and characters with a meaning in Markdown, HTML or tables are escaped.
    """
    return _plain(value)  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:  # noqa: ANN401
    match value:
        case str():
            line = "".join(mark for mark in _SPACE.sub(" ", value).strip() if mark.isprintable())
            return _MARKUP.sub(r"\\\1", line.replace("`", "'"))
        case dict():
            return {_plain(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return type(value)(map(_plain, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        own = {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
        return dataclasses.replace(value, **own)
    return value
