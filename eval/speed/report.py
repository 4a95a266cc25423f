"""The report of a run: table, JSON and plot."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib

from adapters_hub.folders import write_text
from eval.speed.measure import Row, described

matplotlib.use("Agg")


def table(rows: Sequence[Row]) -> str:
    """Markdown table with medians, ratio and bar of every job."""
    lines = ["| job | ours | peer | what the peer is | ratio | bar | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        bar = f"{'≥' if row.more_is_better else '≤'} {row.bar:.3g}"
        values = f"{_shown(row.ours, row.unit)} | {_shown(row.peer, row.unit)}"
        met = "met" if row.met else "**not met**"
        lines.append(f"| {row.job} | {values} | {row.peer_name} | {row.ratio:.3g} | {bar} | {met} |")
    return "\n".join(lines) + "\n"


def write_speed_report(rows: Sequence[Row], machine: dict[str, Any], text: str, folder: Path) -> str:
    """Write `speed.json`, `speed.md` and `speed.png`, and return the table."""
    shown = f"{table(rows)}\n{described(machine, text)}\n"
    values = {
        "machine": machine,
        "text": text,
        "rows": [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows],
    }
    write_text(folder / "speed.json", json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    write_text(folder / "speed.md", shown)
    _plot(rows, folder / "speed.png")
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


def _plot(rows: Sequence[Row], path: Path) -> None:
    """Plot how far each job is above (right) or below (left) its bar."""
    from matplotlib import pyplot as plt

    over = [row.ratio / row.bar if row.more_is_better else row.bar / row.ratio for row in rows]
    figure, axes = plt.subplots(figsize=(9, 0.5 * len(rows) + 1.2), layout="constrained")
    axes.barh([row.job for row in rows], over, color=["#2a7f62" if row.met else "#b5482f" for row in rows])
    axes.axvline(1, color="black", linewidth=1)
    for place, row in enumerate(rows):
        beside = max(over[place], 1)  # clear of the line
        axes.text(beside, place, f" {row.ratio:.3g} (bar {row.bar:.3g})", va="center", fontsize=8)
    axes.set_xlabel("times the bar (1: met)")
    axes.set_xlim(0, max(over) * 1.25)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
