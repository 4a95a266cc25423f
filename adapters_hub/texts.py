"""Text as people hand it over: what is taken for sentences, what is empty, and which texts are equal.

Nothing here needs torch, so that exports which run without it keep the same rules.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args

from adapters_hub.errors import InputTextError

Empty = Literal["error", "missing"]
"""What to do about sentences that are empty or missing: refuse them, or give them no vector."""

_SHOWN = 10
_MISSING_TYPES = ("NAType", "NaTType", "MaskedConstant")  # of pandas and NumPy, which need not be installed


@dataclass(frozen=True)
class Texts:
    """Sentences, those that are empty or missing left out.

    Attributes:
        present: the sentences that are there.
        places: of each its number among all.
        count: how many there are with those that are not there.
    """

    present: list[str]
    places: list[int]
    count: int


def canonical(text: str) -> str:
    """The composed form (NFC), in which texts are compared, and cut to tokens.

    Canonically equal texts, such as `é` as one character or as `e` and an accent, are one text to every reader, and so
    they are here: to tokenizers, to caches and where duplicates are left out.
    """
    return unicodedata.normalize("NFC", text)


def is_missing(value: object) -> bool:
    """Whether a cell of a table is empty: None, NaN, `pandas.NA`, or text without anything but white space."""
    if isinstance(value, str):
        return not value.strip()
    if type(value).__name__ in _MISSING_TYPES:
        return True
    return value is None or (isinstance(value, Real) and value != value)


def check_empty(empty: str) -> None:
    """Refuse what is no policy for empty sentences.

    Raises:
        InputTextError: says which there are.
    """
    if empty not in get_args(Empty):
        raise InputTextError(f"empty must be one of {', '.join(get_args(Empty))}, not {empty!r:.40}")


def read_texts(sentences: object, empty: str = "error") -> Texts:
    """Check what is to be encoded.

    Args:
        sentences: a string, or any iterable of strings with an order: a list, an array, a column of a table.
        empty: see `Empty`.

    Raises:
        InputTextError: it is a table or something else without an order of sentences, or names the sentences that are
            empty, no strings, or not valid Unicode.
    """
    check_empty(empty)
    values = [sentences] if isinstance(sentences, str) else in_order(sentences, "a string or strings to encode")
    missing = [number for number, value in enumerate(values) if is_missing(value)]
    if missing and empty == "error":
        raise InputTextError(
            f"{_told(missing, values)}: leave {_them(missing)} out, or take {_them(missing)} as "
            "missing with empty='missing'"
        )
    gaps = set(missing)
    places = [number for number in range(len(values)) if number not in gaps]
    for number in places:
        _check(number, values[number])
    return Texts([str(values[number]) for number in places], places, len(values))


def in_order(values: object, expected: str) -> list[Any]:
    """A column, an array or another iterable as a list.

    Args:
        values: of one dimension.
        expected: what it is to hold, for the message.

    Raises:
        InputTextError: it has no order or more than one dimension; mappings and tables would be read by their keys.
    """
    found = type(values).__name__
    if isinstance(values, bytes | bytearray | memoryview):
        raise InputTextError(f"expected {expected}, found {found}: decode it, value.decode('utf-8')")
    names = values if isinstance(values, Mapping) else getattr(values, "column_names", getattr(values, "columns", None))
    if names is not None or getattr(values, "ndim", 1) != 1:
        columns = "" if names is None else f" of {', '.join(map(_one_line, list(names)[:_SHOWN]))}"
        raise InputTextError(f"expected {expected}, found {found}{columns}: hand over one column, table['text']")
    if isinstance(values, set | frozenset):
        raise InputTextError(f"expected {expected}, found {found}, which has no order: hand over a list")
    if not isinstance(values, Iterable):
        raise InputTextError(f"expected {expected}, found {found}")
    to_list = getattr(values, "to_pylist", None)  # of Arrow, whose arrays hold values of its own types
    return list(to_list() if callable(to_list) else values)


def numbered(numbers: Sequence[int]) -> str:
    """The first numbers, for a message: `1, 4, 7, … (12)`."""
    first = ", ".join(map(str, numbers[:_SHOWN]))
    return first if len(numbers) <= _SHOWN else f"{first}, … ({len(numbers)} in all)"


def _check(number: int, value: object) -> None:
    if not isinstance(value, str):
        raise InputTextError(f"sentence {number} is {type(value).__name__}, not a string: {_one_line(value)}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputTextError(
            f"sentence {number} has a lone surrogate at character {error.start}: decode the text it came from "
            "as UTF-8 with errors='replace'"
        ) from None


def _told(missing: Sequence[int], values: Sequence[object]) -> str:
    first = values[missing[0]]
    if len(missing) > 1:
        return f"sentences {numbered(missing)} of {len(values)} are empty"
    kind = "empty" if isinstance(first, str) else f"{type(first).__name__}, not a string"
    return f"sentence {missing[0]} is {kind}"


def _one_line(value: object) -> str:
    return " ".join(repr(value).split())[:80]


def _them(missing: Sequence[int]) -> str:
    return "it" if len(missing) == 1 else "them"
