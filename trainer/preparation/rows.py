"""Turn the raw rows of a source into rows of its kind: pick columns, split documents, match pairs by key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trainer.data.columns import find_columns
from trainer.data.errors import DataError
from trainer.preparation.reading import FORMS, LABEL, Opened, columns_of
from trainer.preparation.sources import Filling, Source

_MISSING = object()

_END = re.compile(
    # After a full stop, question or exclamation mark (and what closes a quotation) there is a space in most scripts …
    r"(?<=[.!?…։؟۔।॥።፧])[\"'”’»)\]]*\s+(?=\S)"
    # … and none in those that write without spaces.
    r"|(?<=[。！？])(?![」』”）])"
)
_BREAK = re.compile(r"\\n|[\r\n\u2028\u2029]+")
"""Line breaks; some data sets write them as a backslash and an n."""


@dataclass(frozen=True)
class Row:
    """A row of sentences.

    Attributes:
        label: the name of its source in the provenance.
        texts: as many sentences as its kind has; the last of three may be empty.
    """

    label: str
    texts: tuple[str, ...]


def rows_of(source: Source, opened: Opened) -> Iterator[Row]:
    """The rows of a source, before cleaning.

    Raises:
        DataError: the source has other columns, or cannot be read.
    """
    if source.key:
        yield from _pairs(source, opened)
        return
    for label, texts in _chosen(source, opened):
        if not source.segment:
            yield Row(label, texts)
            continue
        for sentence in sentences_of(texts[0]):
            yield Row(label, (sentence,))


def sentences_of(document: str) -> Iterator[str]:
    """The sentences of a document: its lines, cut after full stops, question and exclamation marks."""
    for line in _BREAK.split(document):
        start = 0
        for end in (*(match.end() for match in _END.finditer(line)), len(line)):
            if sentence := line[start:end].strip():
                yield sentence
            start = end


def _pairs(source: Source, opened: Opened) -> Iterator[Row]:
    """Pairs of rows with the same key."""
    filling = opened.filling
    if source.kind == "parallel":
        known: dict[str, str] = {}
        for key, _, text in _keyed(source, opened, filling.turned()):
            known.setdefault(key, text)
        for key, label, text in _keyed(source, opened, filling):
            if key in known:
                yield Row(label, (known[key], text))
        return
    before: tuple[str, str] | None = None
    for key, label, text in _keyed(source, opened, filling):
        if before and before[0] == key:
            yield Row(label, (before[1], text))
        before = (key, text)


def _keyed(source: Source, opened: Opened, filling: Filling) -> Iterator[tuple[str, str, str]]:
    assert source.columns  # a source with a key names its column
    for raw in _matching(source, opened, filling):
        key = _picked(raw, filling(source.key))
        yield str(key), _label(source, raw), _text(source, opened, raw, filling(source.columns[0]))


def _chosen(source: Source, opened: Opened) -> Iterator[tuple[str, tuple[str, ...]]]:
    filling = opened.filling
    names = [filling(name) for name in source.columns or []]
    for raw in _matching(source, opened, filling):
        if not names:
            found = [name for name in raw if name != LABEL]
            names = find_columns(
                f"source {source.name}: {opened.where}", found, [FORMS[source.kind]], source.kind == "text"
            )
        yield _label(source, raw), tuple(_text(source, opened, raw, name) for name in names)


def _matching(source: Source, opened: Opened, filling: Filling) -> Iterator[dict[str, Any]]:
    """The raw rows that have the values of `where`; the first row shows whether the columns are right."""
    conditions = {filling(name): filling(value) for name, value in source.where.items()}
    for number, raw in enumerate(opened.rows()):
        if number == 0:
            _check_columns(source, opened, filling, raw)
        if all(str(_picked(raw, name)) == value for name, value in conditions.items()):
            yield raw


def _check_columns(source: Source, opened: Opened, filling: Filling, raw: dict[str, Any]) -> None:
    wanted = [filling(name) for name in columns_of(source)]
    found = ", ".join(name for name in raw if name != LABEL)
    if missing := [name for name in wanted if _picked(raw, name, _MISSING) is _MISSING]:
        raise DataError(
            f"source {source.name}: expected the columns {', '.join(wanted)} in {opened.where}; found {found} "
            f"(missing: {', '.join(missing)})"
        )


def _label(source: Source, raw: dict[str, Any]) -> str:
    label = "".join(str(raw.get(LABEL) or "").split())
    return f"{source.name}/{label}" if label else source.name


def _text(source: Source, opened: Opened, raw: dict[str, Any], name: str) -> str:
    value = _picked(raw, name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(
            f"source {source.name}: expected text in the column {name} of {opened.where}, found "
            f"{type(value).__name__} {str(value)!r:.60}: name the right one under 'columns'"
        )
    return value


def _picked(raw: dict[str, Any], name: str, default: Any = None) -> Any:  # noqa: ANN401
    """The value of a column; a dot in the name leads into a nested column."""
    value: Any = raw
    if name in raw:
        return raw[name]
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return default
        value = value[part]
    return value
