"""A cost measured at several sizes, as a table and a plot."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib

from adapters_hub.folders import write_text
from eval.speed.measure import described

matplotlib.use("Agg")


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


def curve_table(curves: Sequence[Curve]) -> str:
    """Markdown table of every cost at every size, with the growth of size and cost."""
    rows = ["| | size: cost | size grew | cost grew |", "|---|---|---|---|"]
    for curve in curves:
        for name, points in curve.lines.items():
            shown = ", ".join(f"{size:,.0f}: {cost:,.4g}" for size, cost in points)
            (first, cheap), (last, dear) = points[0], points[-1]
            title = f"{curve.title}, {name} ({curve.y} by {curve.x})"
            rows.append(f"| {title} | {shown} | {last / first:,.3g}x | {dear / cheap:,.3g}x |")
    return "\n".join(rows) + "\n"


def write_scaling_report(curves: Sequence[Curve], machine: dict[str, Any], text: str, folder: Path) -> str:
    """Write `scaling.json`, `scaling.md` and `scaling.png`, and return the table."""
    shown = f"{curve_table(curves)}\n{described(machine, text)}\n"
    values = {"machine": machine, "text": text, "curves": [asdict(curve) for curve in curves]}
    write_text(folder / "scaling.json", json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    write_text(folder / "scaling.md", shown)
    _plot(curves, folder / "scaling.png")
    return shown


def _plot(curves: Sequence[Curve], path: Path) -> None:
    """Plot one panel per curve: costs that should stay flat from 0, costs that grow on two logarithmic axes."""
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    columns = min(len(curves), 3)
    rows = -(-len(curves) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(4.6 * columns, 3.4 * rows), layout="constrained", squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    for axes, curve in zip(grid.flat, curves, strict=False):
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
    figure.savefig(path, dpi=120)
    plt.close(figure)
