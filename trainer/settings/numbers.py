"""Which numbers a setting takes: by its type, unless its field says more."""

from __future__ import annotations

import dataclasses
import math
import typing
from dataclasses import dataclass
from typing import Any

from trainer.settings.errors import SettingsError

_KEY = "range"


@dataclass(frozen=True)
class Range:
    """A range of numbers.

    Attributes:
        low: at least that, or above it if `open_low`.
        high: at most that, or below it if `open_high`.
        hint: what to do instead, for the message.
    """

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False
    hint: str = ""

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        return above and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        low = f"{'above' if self.open_low else 'at least'} {self.low}"
        high = "finite" if math.isinf(self.high) else f"{'below' if self.open_high else 'at most'} {self.high}"
        return f"{low} and {high}"


WHOLE = Range(1, 2**31 - 1)
FINITE = Range(0, math.inf, open_low=True, open_high=True)
SHARE = Range(0, 1, open_low=True, open_high=True)
"""Of the batches: neither kind is left none."""
DROPPED = Range(0, 1, open_high=True)
"""A share that may be none, but not all."""


def number(default: Any, allowed: Range) -> Any:  # noqa: ANN401
    """A field of a dataclass of settings that takes the numbers of a range."""
    return dataclasses.field(default=default, metadata={_KEY: allowed})


def check_numbers(settings: Any, where: str = "") -> None:  # noqa: ANN401
    """Refuse numbers that a setting does not take, in a dataclass of settings and all within it.

    Whole numbers are at least 1, others above 0 and finite, unless their field says otherwise.

    Args:
        settings: the dataclass.
        where: its name, with a dot.

    Raises:
        SettingsError: names the first.
    """
    hints = typing.get_type_hints(type(settings))
    for item in dataclasses.fields(settings):
        value, name = getattr(settings, item.name), f"{where}{item.name}"
        kinds = typing.get_args(hints[item.name]) or (hints[item.name],)
        if dataclasses.is_dataclass(value):
            check_numbers(value, f"{name}.")
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                if dataclasses.is_dataclass(inner):
                    check_numbers(inner, f"{name}.{place}.")
        elif value is not None and {int, float} & set(kinds):
            allowed: Range = item.metadata.get(_KEY, FINITE if float in kinds else WHOLE)
            if value not in allowed:
                raise SettingsError(
                    f"{name} must be {allowed}, not {value}" + (f": {allowed.hint}" if allowed.hint else "")
                )
