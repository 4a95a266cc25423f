"""The range of numbers that each setting allows: its field's own range, or a default one for its type."""

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
        low: the lowest number in the range.
        high: the highest number in the range.
        open_low: exclude `low` itself.
        open_high: exclude `high` itself.
        hint: advice that the error message adds.
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
"""A share of the batches that leaves some batches to each of two kinds."""
DROPPED = Range(0, 1, open_high=True)
"""A share that may be 0, but not 1."""


def number(default: Any, allowed: Range) -> Any:  # noqa: ANN401
    """Declare a field of a settings dataclass that allows the numbers of a range."""
    return dataclasses.field(default=default, metadata={_KEY: allowed})


def check_numbers(settings: Any, where: str = "") -> None:  # noqa: ANN401
    """Refuse numbers outside the range of their setting, in a settings dataclass and those nested in it.

    By default whole numbers must be at least 1, and other numbers above 0 and finite.

    Args:
        settings: the dataclass.
        where: its name in the recipe, followed by a dot; empty for the recipe itself.

    Raises:
        SettingsError: a number is outside its range; names the first one.
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
