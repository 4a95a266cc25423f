"""Compositions: whether a column of the comparison uses modules, and how it aligns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters_hub.format import OBJECTIVES
from demo.limits.errors import DemoError

KINDS = ("base", "modules", "aligned", "blend")
_LARGEST_WEIGHT = 2.0


@dataclass(frozen=True)
class Column:
    """A composition.

    Attributes:
        kind: `base`: no modules; `modules`: modules without alignment; `aligned`: with the adapter of one objective;
            `blend`: with a weighted mixture of adapters.
        by: the objective of `aligned`; empty: `both`, or another that is available.
        weights: the weights of a `blend` by objective.
        languages: weights of a `blend` for single languages, which replace `weights` there.
    """

    kind: str
    by: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    languages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """A short name to show."""
        if self.kind == "base":
            return "Base"
        if self.kind == "modules":
            return "Modules"
        if self.kind == "aligned":
            return f"Aligned: {self.by}" if self.by else "Aligned"
        mixed = " + ".join(f"{weight:.2g} {name}" for name, weight in self.weights.items() if weight)
        return f"Blend: {mixed or 'none'}" + (f", {len(self.languages)} of their own" if self.languages else "")

    def align(self, language: str, available: Sequence[str]) -> dict[str, float]:
        """The weights of a language's adapters by objective.

        Args:
            language: ISO 639-3.
            available: objectives of the language's adapters. Objectives without an adapter are left out: see `missing`.
        """
        wanted = self._wanted(language, available).items()
        return {name: weight for name, weight in wanted if name in available}

    def missing(self, language: str, available: Sequence[str]) -> list[str]:
        """The requested objectives for which a language has no adapter; `any` if it has none at all."""
        return [name for name in self._wanted(language, available) if name not in available]

    def _wanted(self, language: str, available: Sequence[str]) -> dict[str, float]:
        if self.kind == "aligned":
            return {self.by or next((name for name in OBJECTIVES if name in available), "any"): 1.0}
        weights = self.languages.get(language, self.weights)
        return {name: weight for name, weight in weights.items() if weight}

    def to_record(self) -> dict[str, Any]:
        """Plain values, from which `parse_column` makes the composition again."""
        record: dict[str, Any] = {"kind": self.kind}
        if self.by:
            record["by"] = self.by
        if self.kind == "blend":
            record["weights"] = dict(self.weights)
            if self.languages:
                record["languages"] = {code: dict(weights) for code, weights in self.languages.items()}
        return record


DEFAULT = (Column("base"), Column("modules"), Column("aligned"))


def parse_column(record: object) -> Column:
    """The composition that plain values describe; they may come from anywhere.

    Raises:
        DemoError: the values do not describe a composition.
    """
    if isinstance(record, Column):
        return record
    if not isinstance(record, Mapping) or record.get("kind") not in KINDS:
        raise DemoError(f"expected a composition with a kind of {', '.join(KINDS)}, found {str(record)[:80]}")
    kind = str(record["kind"])
    by = record.get("by") or ""
    if kind == "aligned" and by not in ("", *OBJECTIVES):
        raise DemoError(f"expected alignment by {', '.join(OBJECTIVES)}, found {str(by)[:40]!r}")
    if kind != "blend":
        return Column(kind, by if kind == "aligned" else "")
    languages = record.get("languages") or {}
    if not isinstance(languages, Mapping) or len(languages) > 200:
        raise DemoError("expected the languages of a blend as {language: {objective: weight}}")
    return Column(
        kind,
        weights=_weights(record.get("weights") or {}),
        languages={str(code)[:12]: _weights(weights) for code, weights in languages.items()},
    )


def parse_columns(records: object, most: int) -> list[Column]:
    """One to `most` compositions.

    Raises:
        DemoError: there are none or too many, or one of them is not a composition.
    """
    if not isinstance(records, list | tuple) or not 1 <= len(records) <= most:
        found = len(records) if isinstance(records, list | tuple) else type(records).__name__
        raise DemoError(f"expected 1 to {most} compositions, found {found}")
    return [parse_column(record) for record in records]


def _weights(values: object) -> dict[str, float]:
    if not isinstance(values, Mapping):
        raise DemoError(f"expected weights as {{objective: weight}}, found {str(values)[:80]}")
    weights = {}
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name not in OBJECTIVES or not number or not 0 <= value <= _LARGEST_WEIGHT:  # nan is in no range
            raise DemoError(
                f"expected weights from 0 to {_LARGEST_WEIGHT:g} of {', '.join(OBJECTIVES)}, "
                f"found {str(name)[:40]!r}: {str(value)[:40]}"
            )
        weights[str(name)] = float(value)
    return weights
