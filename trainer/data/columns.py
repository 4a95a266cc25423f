"""Which columns of a table are which texts: by their names, never by the place where they happen to stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from trainer.data.errors import DataError

_BESIDE = frozenset({"id", "idx", "index", "label", "score", "split", "source"})
"""What headers name beside texts."""


@dataclass(frozen=True)
class Form:
    """The texts of a row.

    Attributes:
        texts: what they are, in the order in which `columns` of a recipe name them; a column may be called so.
        optional: those of them that may be missing.
        aliases: other names that a column of a text may have, such as the code of its language.
    """

    texts: tuple[str, ...]
    optional: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = field(default=())

    @property
    def required(self) -> tuple[str, ...]:
        """Those that must be there."""
        return tuple(text for text in self.texts if text not in self.optional)

    def find(self, names: Sequence[str]) -> list[str] | None:
        """The columns of its texts, in its order; None if one that must be there is not, or is there twice."""
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
    """The columns of a table's texts, in the order of the form that they fit.

    Args:
        where: the table is, for the message.
        names: of its columns.
        forms: what they may be.
        alone: the only column there is needs no name.

    Raises:
        DataError: their names do not tell; says which were expected, which are there and what to do.
    """
    if alone and len(names) == 1:
        return list(names)
    for form in sorted(forms, key=lambda form: -len(form.required)):  # the more a form asks for, the more it tells
        if (found := form.find(names)) is not None:
            return found
    expected = "; or ".join(map(str, forms))
    raise DataError(
        f"{where}: expected the columns {expected}; found {', '.join(names)}: name those to take, in this order, "
        f"under 'columns', such as columns: [{', '.join(list(names)[: len(forms[0].required)])}]"
    )


def refuse_header(where: object, first: Sequence[str], forms: Sequence[Form]) -> None:
    """Refuse a first line that names columns where a line of text is expected.

    Raises:
        DataError: it does.
    """
    cells = [_plain(cell) for cell in first]
    known = {_plain(name) for form in forms for name in (*form.texts, *(alias for alias, _ in form.aliases))}
    if any(cell in known for cell in cells) and all(cell in known | _BESIDE for cell in cells):
        raise DataError(
            f"{where}: its first line names columns ({', '.join(first)}): name those to take under 'columns', in the "
            f"order {forms[0]}; without them the first line is taken for text"
        )


def width_of(where: object, width: int, forms: Sequence[Form]) -> tuple[str, ...]:
    """The texts of a table without names, by their number; the last ones may be missing.

    Raises:
        DataError: no form has so many.
    """
    # The forms of another number of columns than the first have none that may be missing.
    for form in forms:
        if len(form.required) <= width <= len(form.texts):
            return form.texts
    widths = sorted({count for form in forms for count in range(len(form.required), len(form.texts) + 1)})
    raise DataError(
        f"{where}: expected {' or '.join(map(str, widths))} columns ({', '.join(forms[0].texts)}), found {width}: "
        "name those to take under 'columns'"
    )


def check_text(where: object, features: Any, names: Iterable[str]) -> None:  # noqa: ANN401
    """Refuse columns that hold anything but text.

    Args:
        where: the table is, for the message.
        features: of a `datasets.Dataset`.
        names: of the columns.

    Raises:
        DataError: names the first that does.
    """
    for name in names:
        kind = getattr(features[name], "dtype", type(features[name]).__name__)
        if kind not in ("string", "large_string", "null"):
            raise DataError(f"{where}: the column {name} holds {kind}, not text: name those to take under 'columns'")
