"""Input text: which values are sentences, which are empty, and which texts are equal.

This module does not need torch, so that exports that run without it follow the same rules.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args

from adapters_hub.errors import InputTextError

Empty = Literal["error", "missing"]
"""What to do about sentences that are empty or missing: refuse them, or give them no vector."""

_SHOWN = 10
_MISSING_TYPES = ("NAType", "NaTType", "MaskedConstant")  # types of pandas and NumPy, which need not be installed


@dataclass(frozen=True)
class Texts:
    """Sentences, without those that are empty or missing.

    Attributes:
        present: the sentences that are not empty or missing.
        places: the position of each in the input, from 0.
        count: number of all sentences in the input.
    """

    present: list[str]
    places: list[int]
    count: int


def canonical(text: str) -> str:
    """The composed form (NFC), in which texts are compared and tokenized.

    Canonically equal texts, such as `é` as one character or as `e` and an accent, look the same to every reader. So
    tokenizers, caches and the removal of duplicates treat them as one text.
    """
    return unicodedata.normalize("NFC", text)


def text_key(text: str) -> int:
    """A 64-bit hash of a text without surrounding white space; canonically equal texts have equal hashes."""
    plain = canonical(text.strip()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(plain, digest_size=8).digest(), "little", signed=True)


def is_missing(value: object) -> bool:
    """Whether a cell of a table is empty: None, NaN, `pandas.NA`, or text of nothing but white space."""
    if isinstance(value, str):
        return not value.strip()
    if type(value).__name__ in _MISSING_TYPES:
        return True
    return value is None or (isinstance(value, Real) and value != value)


def check_empty(empty: str) -> None:
    """Refuse a value that is not one of `Empty`.

    Raises:
        InputTextError: it is not; the message lists the possible values.
    """
    if empty not in get_args(Empty):
        raise InputTextError(f"empty must be one of {', '.join(get_args(Empty))}, not {empty!r:.40}")


def read_texts(sentences: object, empty: str = "error") -> Texts:
    """Check the sentences to encode.

    Args:
        sentences: a string, or any ordered iterable of strings: a list, an array, a column of a table.
        empty: see `Empty`.

    Raises:
        InputTextError: `sentences` is a table or has no order, or some sentences are empty, not strings, or not valid
            Unicode; the message gives their numbers.
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
    """A column, an array or another iterable of one dimension as a list; messages say what was `expected`.

    Raises:
        InputTextError: `values` has no order or more than one dimension, or is a mapping or a table, whose iteration
            would give keys.
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
    to_list = getattr(values, "to_pylist", None)  # an Arrow array iterates over values of Arrow's own types
    return list(to_list() if callable(to_list) else values)


def numbered(numbers: Sequence[int]) -> str:
    """The first numbers, for a message: `1, 4, 7, … (12 in all)`."""
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
