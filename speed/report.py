"""The reports of a run, each as a table, a plot and JSON: our values beside a peer's, and costs at several sizes."""

from __future__ import annotations

import json
import statistics
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from adapters_hub.folders import write_text
from speed.measure import machine


@dataclass(frozen=True)
class Row:
    """A job of ours, compared with a peer.

    Attributes:
        job: what is measured.
        unit: unit of `ours` and `peer`.
        ours: measured values of the project, one per repetition.
        peer: measured values of the peer, one per repetition.
        peer_name: what the project is compared with.
        bar: the target ratio.
        more_is_better: whether the ratio should be at least the bar (True) or at most the bar (False).
        facts: further facts for the JSON.
    """

    job: str
    unit: str
    ours: list[float]
    peer: list[float]
    peer_name: str
    bar: float
    more_is_better: bool = True
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Ratio of the medians: ours to the peer's, inverted for times if a larger ratio should be better."""
        ours, peer = statistics.median(self.ours), statistics.median(self.peer)
        return peer / ours if self.more_is_better and self.unit == "s" else ours / peer

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.ratio >= self.bar if self.more_is_better else self.ratio <= self.bar


@dataclass(frozen=True)
class Curve:
    """The cost of a job at several sizes.

    Attributes:
        title: the job.
        x: the quantity that grows.
        y: the cost, with its unit.
        lines: named lines of points (size, cost), by ascending size.
        grows: whether the cost should grow with the size; otherwise it should stay flat.
    """

    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, float]]]
    grows: bool


@dataclass(frozen=True)
class SearchCost:
    """What one system costs that searches among many vectors.

    Attributes:
        system: its name.
        build: seconds to store and index the vectors.
        open: seconds to open what is stored, in a new process.
        first: seconds for the first question.
        each: median seconds for one of the next questions.
        hundred: seconds for 100 questions.
        memory: resident bytes that opening and asking add.
        recall: share of the exact ten nearest among the ten found.
    """

    system: str
    build: float
    open: float
    first: float
    each: float
    hundred: float
    memory: int
    recall: float


def write_speed_report(rows: Sequence[Row], text: str, folder: Path) -> str:
    """Write `speed.json`, `speed.md` and `speed.png`, and return the table."""
    values = {"rows": [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows]}
    return _write(folder / "speed", speed_table(rows), _bars(rows), values, text)


def write_scaling_report(curves: Sequence[Curve], text: str, folder: Path) -> str:
    """Write `scaling.json`, `scaling.md` and `scaling.png`, and return the table."""
    return _write(
        folder / "scaling",
        scaling_table(curves),
        _panels(curves),
        {"curves": [asdict(curve) for curve in curves]},
        text,
    )


def write_search_report(costs: Sequence[SearchCost], vectors: int, folder: Path) -> str:
    """Write `search.json` and `search.md`, and return the table."""
    values = {"vectors": vectors, "costs": [asdict(cost) for cost in costs]}
    return _write(folder / "search", search_table(costs, vectors), None, values, "random vectors in clusters")


def speed_table(rows: Sequence[Row]) -> str:
    """Markdown table with medians, ratio and bar of every job."""
    lines = ["| job | ours | peer | what the peer is | ratio | bar | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        bar = f"{'≥' if row.more_is_better else '≤'} {row.bar:.3g}"
        values = f"{_shown(row.ours, row.unit)} | {_shown(row.peer, row.unit)}"
        met = "met" if row.met else "**not met**"
        lines.append(f"| {row.job} | {values} | {row.peer_name} | {row.ratio:.3g} | {bar} | {met} |")
    return "\n".join(lines) + "\n"


def scaling_table(curves: Sequence[Curve]) -> str:
    """Markdown table of every cost at every size, with the growth of size and cost."""
    rows = ["| | size: cost | size grew | cost grew |", "|---|---|---|---|"]
    for curve in curves:
        for name, points in curve.lines.items():
            shown = ", ".join(f"{size:,.0f}: {cost:,.4g}" for size, cost in points)
            (first, cheap), (last, dear) = points[0], points[-1]
            title = f"{curve.title}, {name} ({curve.y} by {curve.x})"
            rows.append(f"| {title} | {shown} | {last / first:,.3g}x | {dear / cheap:,.3g}x |")
    return "\n".join(rows) + "\n"


def search_table(costs: Sequence[SearchCost], vectors: int) -> str:
    """Markdown table of every system."""
    lines = [
        f"| {vectors:,} vectors | ready after | open | first question | one more | 100 questions | memory | recall |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cost in costs:
        times = (cost.build, cost.open, cost.first, cost.each, cost.hundred)
        cells = [f"{value:.1f} s" if value >= 1 else f"{1000 * value:.1f} ms" for value in times]
        cells += [f"{cost.memory / 1e6:,.0f} MB", f"{cost.recall:.3f}"]
        lines.append(f"| {cost.system} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _write(stem: Path, table: str, figure: Figure | None, values: dict[str, Any], text: str) -> str:
    facts = machine()
    line = ", ".join(f"{key} {value}" for key, value in facts.items() if value is not None)
    shown = f"{table}\n{line}; text: {text}\n"
    values = {"machine": facts, "text": text} | values
    write_text(stem.with_suffix(".json"), json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    write_text(stem.with_suffix(".md"), shown)
    if figure is not None:
        figure.savefig(stem.with_suffix(".png"), dpi=120)
    return shown


def _shown(values: Sequence[float], unit: str) -> str:
    value = statistics.median(values)
    if unit == "bytes":
        return f"{value / 1e6:,.0f} MB"
    if unit == "FLOP/s":
        return f"{value / 1e9:,.0f} GFLOP/s"
    if unit == "s":
        return f"{value * 1000:,.1f} ms" if value < 1 else f"{value:.2f} s"
    return f"{value:,.0f} {unit}"


def _bars(rows: Sequence[Row]) -> Figure:
    """Plot how far each job is above (right) or below (left) its bar."""
    over = [row.ratio / row.bar if row.more_is_better else row.bar / row.ratio for row in rows]
    figure = Figure(figsize=(9, 0.5 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh([row.job for row in rows], over, color=["#2a7f62" if row.met else "#b5482f" for row in rows])
    axes.axvline(1, color="black", linewidth=1)
    for place, row in enumerate(rows):
        beside = max(over[place], 1)  # clear of the line
        axes.text(beside, place, f" {row.ratio:.3g} (bar {row.bar:.3g})", va="center", fontsize=8)
    axes.set_xlabel("times the bar (1: met)")
    axes.set_xlim(0, max(over) * 1.25)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _panels(curves: Sequence[Curve]) -> Figure:
    """Plot one panel per curve: costs that should stay flat from 0, costs that grow on two logarithmic axes."""
    columns = min(len(curves), 3)
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.4 * rows), layout="constrained")
    for place, curve in enumerate(curves, start=1):
        axes = figure.add_subplot(rows, columns, place)
        for name, points in curve.lines.items():
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
        sizes = sorted({size for points in curve.lines.values() for size, _ in points})
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
        axes.minorticks_off()
        if curve.grows:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        else:
            axes.set_ylim(0, 1.2 * max(cost for points in curve.lines.values() for _, cost in points))
        axes.set_title("\n".join(textwrap.wrap(curve.title, 42)), fontsize=10)
        axes.set_xlabel(curve.x)
        axes.set_ylabel(curve.y)
        axes.spines[["top", "right"]].set_visible(False)
        if len(curve.lines) > 1:
            axes.legend(frameon=False, fontsize=8)
    return figure
