"""Turn a visitor's inputs into checked rows, compositions and modules, and compare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters_hub.languages import language_name
from demo.compare.comparison import Comparison, compare
from demo.compare.entries import Picks
from demo.compare.workbench import Progress, Workbench, unseen
from demo.input.columns import DEFAULT, Column, parse_columns
from demo.input.examples import TITLES, example
from demo.input.guessing import PAPER, guess_language
from demo.input.sentences import check_rows
from demo.input.state import pack
from demo.limits.errors import DemoError
from demo.limits.rate import Asking, RateLimit
from demo.limits.settings import Settings


@dataclass
class Demo:
    """The state that all visitors share: settings, catalogue, workbench and rate limit, but no visitor's input."""

    settings: Settings
    bench: Workbench
    rate: RateLimit = field(init=False)

    def __post_init__(self) -> None:
        self.rate = RateLimit(self.settings.limits)

    def picks(self, names: Sequence[str] | None) -> Picks:
        """See `Catalog.pick`."""
        return self.bench.catalog.pick(names)

    def compare(
        self,
        rows: object,
        columns: object,
        names: Sequence[str] | None,
        progress: Progress = unseen,
        request: Asking | None = None,
    ) -> Comparison:
        """Check the inputs and compare the sentences.

        Args:
            rows: see `check_rows`.
            columns: see `parse_columns`.
            names: see `Catalog.pick`.
            progress: called with the progress.
            request: the request to charge for the characters to encode; None: nobody is charged.

        Raises:
            AdaptersHubError: an input is not valid, or a module cannot be loaded.
        """
        picks = self.picks(names)
        limits = self.settings.limits
        checked = check_rows(rows, limits, list(picks.modules))
        compositions = parse_columns(columns, limits.columns)
        if request is not None:
            self.rate.charge(request, len(compositions) * sum(len(row.text) for row in checked))
        self.bench.fetch(picks, progress)
        return compare(self.bench, checked, compositions, picks, progress)

    def guess(self, text: str) -> str:
        """Guess the language of a sentence."""
        if not isinstance(text, str):
            raise DemoError("expected text")
        return guess_language(text[: self.settings.limits.characters], list(self.bench.catalog.default().modules))

    def link(self, comparison: Comparison) -> str:
        """The view as text for a link; empty if it is too long for one."""
        names = comparison.picks.names
        default = names == self.bench.catalog.default().names
        return pack(comparison.rows, comparison.columns, None if default else names) or ""

    def first_columns(self) -> list[Column]:
        """The compositions of the first view: base, modules and aligned, as far as there are modules and adapters."""
        picks = self.bench.catalog.default()
        if not picks.modules:
            return [Column("base"), Column("base")]
        return list(DEFAULT if picks.adapters else DEFAULT[:2])

    def languages(self, picks: Picks) -> list[list[Any]]:
        """The languages to choose from for a row: code, English name, and whether there is a module."""
        codes = dict.fromkeys([*picks.modules, *PAPER, *(row.language for name in TITLES for row in example(name))])
        return [[code, language_name(code), code in picks.modules] for code in codes]
