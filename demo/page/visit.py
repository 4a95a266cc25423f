"""What a visitor's inputs mean: checked rows, compositions and modules, and what to answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters_hub.languages import language_name
from demo.compare.catalog import Picks
from demo.compare.comparison import Comparison, compare
from demo.compare.workbench import Progress, Workbench
from demo.input.columns import DEFAULT, Column, parse_columns
from demo.input.examples import TITLES, example
from demo.input.guessing import PAPER, guess_language
from demo.input.sentences import Row, check_rows
from demo.input.state import pack, unpack
from demo.limits.errors import DemoError
from demo.limits.rate import RateLimit
from demo.limits.settings import Settings


@dataclass
class Demo:
    """What all visitors share: settings, catalogue, workbench and rate limit. None of it is a visitor's own."""

    settings: Settings
    bench: Workbench
    rate: RateLimit = field(init=False)

    def __post_init__(self) -> None:
        self.rate = RateLimit(self.settings)

    def rows(self, records: object, picks: Picks) -> list[Row]:
        """See `check_rows`."""
        return check_rows(records, self.settings.limits, list(picks.modules))

    def columns(self, records: object) -> list[Column]:
        """See `parse_columns`."""
        return parse_columns(records, self.settings.limits.columns)

    def picks(self, names: Sequence[str] | None) -> Picks:
        """See `Catalog.pick`."""
        return self.bench.catalog.pick(names)

    def compare(
        self,
        rows: object,
        columns: object,
        names: Sequence[str] | None,
        progress: Progress | None = None,
        charge: Callable[[int], None] | None = None,
    ) -> Comparison:
        """What the page shows.

        Args:
            rows: see `rows`.
            columns: see `columns`.
            names: see `picks`.
            progress: is told how far it is.
            charge: is told the characters that will be encoded, under every composition.

        Raises:
            AdaptersHubError: something given does not fit.
        """
        picks = self.picks(names)
        checked, compositions = self.rows(rows, picks), self.columns(columns)
        if charge:
            charge(len(compositions) * sum(len(row.text) for row in checked))
        self.bench.fetch(picks, progress)
        return compare(self.bench, checked, compositions, picks, progress)

    def guess(self, text: str) -> str:
        """The language of a sentence."""
        if not isinstance(text, str):
            raise DemoError("expected text")
        return guess_language(text[: self.settings.limits.characters], list(self.bench.catalog.default().modules))

    def link(self, comparison: Comparison) -> str:
        """The view for the address of the page; empty if it is too long for one."""
        names = comparison.picks.names
        default = names == self.bench.catalog.default().names
        return pack(comparison.rows, comparison.columns, None if default else names) or ""

    def opened(self, view: str) -> tuple[list[Row], list[Column], list[str] | None]:
        """The view in a link.

        Raises:
            DemoError: the link is damaged, or its modules are not offered here.
        """
        record = unpack(view)
        picks = self.picks(record["modules"])
        return self.rows(record["rows"], picks), self.columns(record["columns"]), record["modules"]

    def first_columns(self) -> list[Column]:
        """Base, modules, aligned; without modules or adapters what there is."""
        picks = self.bench.catalog.default()
        if not picks.modules:
            return [Column("base"), Column("base")]
        return list(DEFAULT if picks.adapters else DEFAULT[:2])

    def languages(self, picks: Picks) -> list[list[Any]]:
        """Code, English name and whether there is a module, for the choice of a row's language."""
        codes = dict.fromkeys([*picks.modules, *PAPER, *(row.language for name in TITLES for row in example(name))])
        return [[code, language_name(code), code in picks.modules] for code in codes]
