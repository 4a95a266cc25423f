"""The paper's table: one row per encoder, one column per figure."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters_hub.cards.markdown import plain
from eval.bootstrap import p_value
from eval.errors import EvaluationError
from eval.results import Result
from eval.tasks.figure import Figure
from eval.tasks.retrieval import MEASURES, figure_name

# Kinds of figures in the order of the paper's table: title, decimals, whether lower is better.
KINDS: dict[str, tuple[str, int, bool]] = {
    "mono": ("within languages", 1, False),
    "cross": ("across languages", 1, False),
    "xsim": ("xsim error", 2, True),
    "bias": ("language bias", 2, True),
    "rsim": ("RSIM", 3, False),
    **{
        figure_name(scope, metric): (f"{title}, {metric.replace('_at_', '@').replace('mrr', 'MRR')}", 1, False)
        for scope, title in (("mono", "within languages"), ("cross", "across languages"))
        for metric in list(MEASURES.values())[1:]
    },
}
_ENCODERS = ("base", "modules", "aligned")
_TASKS = ("similarity", "relatedness", "classification", "choice", "retrieval", "mining")
SIGNIFICANT = 0.05
# Entries of a result's identity that determine the resamples of its data: if they are equal, resamples are paired.
_DRAWN = ("seed", "resamples")
_NOTE = (
    "Means over languages or pairs of languages, [95% bootstrap interval]; lower is better for xsim error and language "
    "bias. * differs from {against} with p < 0.05 (paired bootstrap)."
)


@dataclass(frozen=True)
class Cell:
    """A mean in the table: whether no encoder has a better one, and whether it differs from the reference encoder's."""

    figure: Figure
    best: bool
    significant: bool


@dataclass(frozen=True)
class Table:
    """The table of encoders and figures.

    Attributes:
        columns: pairs of benchmark and kind of figure.
        cells: the cells of (encoder, column) that were scored.
        against: the reference encoder that the others are compared with; None if there is only one encoder.
        titles, languages, origins: by benchmark.
    """

    encoders: list[str]
    columns: list[tuple[str, str]]
    titles: dict[str, str]
    cells: dict[tuple[str, tuple[str, str]], Cell]
    against: str | None
    languages: dict[str, list[str]]
    split: str
    origins: dict[str, str]

    @classmethod
    def of(cls, results: Sequence[Result], against: str | None = None) -> Table:
        """Arrange results in a table.

        Raises:
            EvaluationError: no encoder is called `against`, two encoders have the same name, or a benchmark was scored
                in different languages or on different data for two encoders, so that means cannot be compared.
        """
        ranked = sorted(results, key=lambda result: _ENCODERS.index(result.kind))
        encoders = list(dict.fromkeys(result.encoder for result in ranked))
        against = _reference(results, encoders, against)
        languages: dict[str, list[str]] = {}
        identities: dict[tuple[str, str], dict[str, Any]] = {}
        for result in results:
            known = languages.setdefault(result.benchmark, result.languages)
            if sorted(known) != sorted(result.languages):
                raise EvaluationError(
                    f"{result.benchmark} was scored in {', '.join(known)} for one encoder and in "
                    f"{', '.join(result.languages)} for {result.encoder}: run both with the same --languages"
                )
            first = next(one for one in results if one.benchmark == result.benchmark)
            if first.identity.get("data") != result.identity.get("data"):
                raise EvaluationError(
                    f"{result.benchmark} was scored on other data for {first.encoder} ({_data(first)}) than for "
                    f"{result.encoder} ({_data(result)}): run both with the same --data"
                )
            identity = result.identity | {"languages": sorted(result.languages)}
            if identities.setdefault((result.encoder, result.benchmark), identity) != identity:
                raise EvaluationError(
                    f"two encoders are called {result.encoder!r}: give them different names with "
                    "--encoder NAME=… when you score them"
                )
        means = {
            (result.encoder, (result.benchmark, kind)): figure
            for result in results
            for kind in KINDS
            if (figure := result.mean(kind)) is not None
        }
        tasks = {result.benchmark: _TASKS.index(result.task) for result in results}
        order, benchmarks = list(KINDS), list(tasks)
        columns = sorted(
            {column for _, column in means},
            key=lambda column: (order.index(column[1]), tasks[column[0]], benchmarks.index(column[0])),
        )
        drawn = {key: [identity.get(name) for name in _DRAWN] for key, identity in identities.items()}
        cells = {key: _cell(key, means, against, drawn) for key in means}
        titles = {result.benchmark: result.title for result in results}
        origins = {result.benchmark: result.origin for result in results}
        return cls(encoders, columns, titles, cells, against, languages, results[0].split, origins)

    def row(self, encoder: str) -> Iterator[Cell | None]:
        """The cells of an encoder; None in a column where it was not scored."""
        return (self.cells.get((encoder, column)) for column in self.columns)


def _data(result: Result) -> str:
    """Where a result's data came from, with a digest that distinguishes two versions of the same source."""
    digest = hashlib.sha256(json.dumps(result.identity.get("data"), sort_keys=True).encode()).hexdigest()
    return f"{result.split}, {result.origin}, digest {digest[:8]}"


def _reference(results: Sequence[Result], encoders: Sequence[str], against: str | None) -> str | None:
    if against is not None and against not in encoders:
        raise EvaluationError(f"there is no encoder {against!r} among {', '.join(encoders)}")
    if against is None and len(encoders) > 1:
        return next((result.encoder for result in results if result.kind == "base"), encoders[0])
    return against


def _cell(
    key: tuple[str, tuple[str, str]],
    means: dict[tuple[str, tuple[str, str]], Figure],
    against: str | None,
    drawn: dict[tuple[str, str], list[Any]],
) -> Cell:
    encoder, column = key
    figure = means[key]
    sign = -1 if KINDS[column[1]][2] else 1
    rivals = [other.value for (_, place), other in means.items() if place == column]
    best = len(rivals) > 1 and sign * figure.value >= max(sign * value for value in rivals)
    baseline = means.get((against, column)) if against and against != encoder else None
    comparable = baseline is not None and len(baseline.samples) == len(figure.samples) and baseline.size == figure.size
    paired = comparable and drawn[against, column[0]] == drawn[encoder, column[0]]  # type: ignore[index]
    significant = paired and p_value(figure.samples, baseline.samples) < SIGNIFICANT  # type: ignore[union-attr]
    return Cell(figure, best, significant)


def number(figure: Figure, kind: str) -> str:
    """The value with as many decimals as its kind deserves."""
    return f"{figure.value:.{KINDS[kind][1]}f}"


def _range(figure: Figure, kind: str) -> str:
    low, high = figure.interval
    places = KINDS[kind][1]
    return f"[{low:.{places}f}, {high:.{places}f}]"


def text_table(results: Sequence[Result], against: str | None = None) -> str:
    """The table for a terminal: one line per figure, one column per encoder."""
    table = Table.of(results, against)
    cells = {
        key: f"{number(cell.figure, key[1][1])}{'*' if cell.significant else ' '}" for key, cell in table.cells.items()
    }
    ranges = len(table.encoders) == 1
    width = max(8, *(len(name) + 3 for name in table.encoders))
    labels = {name: f"  {title} ({_count(table.languages[name])})" for name, title in table.titles.items()}
    wide = max(map(len, labels.values()))
    lines = [" " * wide + "".join(f"{name:>{width}}" for name in table.encoders)]
    kind = None
    for benchmark, name in table.columns:
        if name != kind:
            title, _, less = KINDS[name]
            lines.append(f"{title[0].upper()}{title[1:]}{' (lower is better)' if less else ''}")
            kind = name
        row = "".join(f"{cells.get((encoder, (benchmark, name)), ''):>{width}}" for encoder in table.encoders)
        if ranges:
            row += " " + _range(table.cells[table.encoders[0], (benchmark, name)].figure, name)
        lines.append(f"{labels[benchmark]:{wide}}{row}")
    if table.against and any(cell.significant for cell in table.cells.values()):
        lines.append(f"* differs from {table.against}, p < {SIGNIFICANT} (paired bootstrap)")
    return "\n".join(lines)


def _count(languages: Sequence[str]) -> str:
    return f"{len(languages)} language{'' if len(languages) == 1 else 's'}"


def markdown_text(table: Table, left_out: Mapping[str, str]) -> str:
    """The table in Markdown, with the best figures in bold.

    Args:
        table: the table.
        left_out: benchmarks that are not in the table, with the reason.
    """
    head = ["encoder", *(f"{benchmark} {KINDS[kind][0]}" for benchmark, kind in table.columns)]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * len(table.columns)]
    for encoder in table.encoders:
        cells = []
        for cell, (_, kind) in zip(table.row(encoder), table.columns, strict=True):
            if cell is None:
                cells.append("")
                continue
            value = f"**{number(cell.figure, kind)}**" if cell.best else number(cell.figure, kind)
            mark = "\\*" if cell.significant else ""
            cells.append(f"{value}{mark} {_range(cell.figure, kind)}")
        lines.append("| " + " | ".join([plain(encoder), *cells]) + " |")
    lines += ["", _NOTE.format(against=table.against or "another encoder").replace("* differs", "\\* differs"), ""]
    lines += [
        f"- {name}: {title}; {', '.join(table.languages[name])}; {table.split} split, from {plain(table.origins[name])}"
        for name, title in table.titles.items()
    ]
    lines += [f"- {benchmark}: left out; {plain(reason)}" for benchmark, reason in left_out.items()]
    return "\n".join(lines) + "\n"


def latex_text(table: Table) -> str:
    """The table in LaTeX; it needs the package booktabs."""
    lines = [
        f"\\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        "\\toprule",
        " & ".join(["", *(_escaped(benchmark) for benchmark, _ in table.columns)]) + " \\\\",
        " & ".join(["", *(_escaped(KINDS[kind][0]) for _, kind in table.columns)]) + " \\\\",
        "\\midrule",
    ]
    for encoder in table.encoders:
        cells = []
        for cell, (_, kind) in zip(table.row(encoder), table.columns, strict=True):
            value = "" if cell is None else number(cell.figure, kind)
            if cell is not None and cell.best:
                value = f"\\textbf{{{value}}}"
            cells.append(value + ("$^{*}$" if cell is not None and cell.significant else ""))
        lines.append(" & ".join([_escaped(encoder), *cells]) + " \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def csv_text(table: Table) -> str:
    """The table as CSV, values only."""
    rows = [["encoder", *(f"{benchmark} {kind}" for benchmark, kind in table.columns)]]
    for encoder in table.encoders:
        rows.append([encoder, *("" if cell is None else f"{cell.figure.value:.4f}" for cell in table.row(encoder))])
    return _csv(rows)


def long_csv_text(results: Sequence[Result]) -> str:
    """All figures as CSV, one line per figure of a language, pair of languages, or mean."""
    head = ["encoder", "benchmark", "split", "data", "figure", "metric", "languages", "value", "low", "high", "size"]
    rows = [
        [
            result.encoder,
            result.benchmark,
            result.split,
            result.origin,
            figure.name,
            figure.metric,
            "-".join(figure.languages),
            *(f"{value:.4f}" for value in (figure.value, *figure.interval)),
            str(figure.size),
        ]
        for result in results
        for figure in result.figures
    ]
    return _csv([head, *rows])


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _escaped(text: str) -> str:
    for mark in "\\&%$#_{}":
        text = text.replace(mark, "\\textbackslash{}" if mark == "\\" else f"\\{mark}")
    return text
