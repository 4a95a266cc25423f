"""Find the text columns of a table by name, never by position."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from trainer.data.errors import DataError

_BESIDE = frozenset({"id", "idx", "index", "label", "score", "split", "source"})
"""Names of columns without text that a header line may contain."""


@dataclass(frozen=True)
class Form:
    """The texts that a row holds.

    Attributes:
        texts: names of the texts, in the order of a recipe's `columns`; these are also the expected column names.
        optional: the texts that may be missing.
        aliases: pairs (other column name, text), such as the code of the text's language.
    """

    texts: tuple[str, ...]
    optional: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = field(default=())

    @property
    def required(self) -> tuple[str, ...]:
        """The texts that must not be missing."""
        return tuple(text for text in self.texts if text not in self.optional)

    def find(self, names: Sequence[str]) -> list[str] | None:
        """The columns of the texts, in order; None if a required one is missing or if several columns fit a text."""
        found: list[str] = []
        for text in self.texts:
            wanted = [_plain(text), *(_plain(alias) for alias, other in self.aliases if other == text)]
            fitting = [name for name in names if name == text] or [name for name in names if _plain(name) in wanted]
            if len(fitting) > 1 or (not fitting and text not in self.optional):
                return None
            found += fitting
        return found

    def __str__(self) -> str:
        perhaps = f", and perhaps {', '.join(self.optional)}" if self.optional else ""
        return ", ".join(self.required) + perhaps


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.strip().casefold())


def find_columns(where: object, names: Sequence[str], forms: Sequence[Form], alone: bool = False) -> list[str]:
    """The text columns of a table with these column names, in the order of the form that they fit.

    With `alone`, the only column of a table may have any name.

    Raises:
        DataError: the column names fit no form.
    """
    if alone and len(names) == 1:
        return list(names)
    for form in sorted(forms, key=lambda form: -len(form.required)):  # the most specific form first
        if (found := form.find(names)) is not None:
            return found
    expected = "; or ".join(map(str, forms))
    raise DataError(
        f"{where}: expected the columns {expected}; found {', '.join(names)}: name those to use, in this order, "
        f"under 'columns', such as columns: [{', '.join(list(names)[: len(forms[0].required)])}]"
    )


def refuse_header(where: object, first: Sequence[str], forms: Sequence[Form]) -> None:
    """Refuse a header line in a table that should have none.

    Raises:
        DataError: the first line names columns.
    """
    cells = [_plain(cell) for cell in first]
    known = {_plain(name) for form in forms for name in (*form.texts, *(alias for alias, _ in form.aliases))}
    if any(cell in known for cell in cells) and all(cell in known | _BESIDE for cell in cells):
        raise DataError(
            f"{where}: its first line names columns ({', '.join(first)}): name those to use under 'columns', in the "
            f"order {forms[0]}; otherwise the first line would be read as text"
        )


def form_of_width(width: int, forms: Sequence[Form]) -> Form | None:
    """The first form that a table with this number of columns may have."""
    # Forms with other widths than the first one have no optional texts.
    return next((form for form in forms if len(form.required) <= width <= len(form.texts)), None)


def width_of(where: object, width: int, forms: Sequence[Form]) -> tuple[str, ...]:
    """The texts of a table without column names, found by the number of columns; the last texts may be missing.

    Raises:
        DataError: no form has this number of columns.
    """
    if form := form_of_width(width, forms):
        return form.texts
    widths = sorted({count for form in forms for count in range(len(form.required), len(form.texts) + 1)})
    raise DataError(
        f"{where}: expected {' or '.join(map(str, widths))} columns ({', '.join(forms[0].texts)}), found {width}: "
        "name those to use under 'columns'"
    )


def check_text(where: object, features: Any, names: Iterable[str]) -> None:  # noqa: ANN401
    """Refuse columns of a `datasets.Dataset` that hold anything but text.

    Raises:
        DataError: a column holds something else; names the first one, and where it is.
    """
    for name in names:
        kind = getattr(features[name], "dtype", type(features[name]).__name__)
        if kind not in ("string", "large_string", "null"):
            raise DataError(f"{where}: the column {name} holds {kind}, not text: name text columns under 'columns'")
