"""Plots of the results, each as PNG and SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # files only, no window

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from adapters_hub.folders import write_folder
from eval.report.growth import STAGES, draw_growth
from eval.results import Result
from eval.tasks import Figure

_WIDE = 5.5  # inches
_MAPS_IN_A_ROW = 4
_UNALIKE = "tab:gray"
_KINDS = ("base", "modules", "aligned")
_METRICS = {"spearman": "Spearman", "accuracy": "accuracy, %", "ndcg_at_10": "nDCG@10"}
_MARKERS = "os^DvPX*<"

Point = tuple[float, float]


def draw_plots(results: Sequence[Result], folder: Path) -> list[Path]:
    """Draw every plot for which there are results; earlier plots in the folder are replaced.

    Returns:
        The PNG files; each has an SVG file beside it.
    """
    drawn: list[str] = []
    with write_folder(folder, replace=True) as target:

        def save(name: str, canvas: Canvas) -> None:
            # Without a date in the SVG, the same results give the same file.
            for suffix, facts in (("png", {}), ("svg", {"Date": None})):
                canvas.savefig(target / f"{name}.{suffix}", dpi=150, bbox_inches="tight", metadata=facts)
            pyplot.close(canvas)
            drawn.append(name)

        results = sorted(results, key=lambda result: _KINDS.index(result.kind))
        for benchmark in dict.fromkeys(result.benchmark for result in results):
            mine = [result for result in results if result.benchmark == benchmark]
            if any(result.of("mono") for result in mine) and any(result.of("cross") for result in mine):
                save(f"{benchmark}-within-and-across", _within_and_across(mine))
            for stage in STAGES:
                if growing := stage.growing(mine):
                    metric = _METRICS[mine[0].figures[0].metric]
                    save(f"{benchmark}-{stage.suffix}", draw_growth(mine, stage, growing, metric))
            for kind, title in (
                ("cross", f"Across languages ({_METRICS.get(mine[0].figures[0].metric)})"),
                ("xsim", "xsim error, %"),
            ):
                if any(len(result.of(kind)) > 1 for result in mine):
                    save(f"{benchmark}-map-{kind}", _pairs(mine, kind, title))
            if any(result.histograms for result in mine):
                save(f"{benchmark}-similarities", _similarities(mine))
        if len(shape := _similarity_and_shape(results)) > 1:
            save("similarity-and-rsim", _scatter(shape, results[0].split))
    return [folder / f"{name}.png" for name in drawn]


def _within_and_across(results: Sequence[Result]) -> Canvas:
    """Plot one row per language and one point per encoder: scores within the language, and with other languages."""
    within = [{figure.languages[0]: figure.value for figure in result.of("mono")} for result in results]
    across = [_means(result.of("cross"), result.languages) for result in results]
    codes = [code for code in results[0].languages if any(code in values for values in (*within, *across))]
    codes.sort(key=lambda code: next((values[code] for values in within if code in values), -np.inf), reverse=True)
    size = (2 * _WIDE, 0.3 * len(codes) + 1.5)
    canvas, grid = pyplot.subplots(1, 2, figsize=size, sharey=True, layout="constrained")
    for axes, found, title in zip(
        grid, (within, across), ("Within the language", "With other languages, mean"), strict=True
    ):
        for row, code in enumerate(codes):
            if scores := [values[code] for values in found if code in values]:
                axes.hlines(row, min(scores), max(scores), color=_UNALIKE, linewidth=0.8, zorder=0)
        for place, (result, values) in enumerate(zip(results, found, strict=True)):
            rows = [row for row, code in enumerate(codes) if code in values]
            axes.scatter([values[codes[row]] for row in rows], rows, label=result.encoder, s=30, **_style(place))
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(_METRICS[results[0].figures[0].metric])
    grid[0].set_yticks(range(len(codes)), _short(codes).values(), fontsize=8)
    grid[0].invert_yaxis()  # the best on top
    canvas.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    canvas.suptitle(results[0].heading, fontsize=11)
    return canvas


def _means(figures: Sequence[Figure], codes: Sequence[str]) -> dict[str, float]:
    """For each language, the mean over the figures that involve it."""
    values = {code: [figure.value for figure in figures if code in figure.languages] for code in codes}
    return {code: float(np.mean(found)) for code, found in values.items() if found}


def _style(place: int) -> dict[str, Any]:
    """Colour and shape of an encoder's points; each alone identifies the first nine encoders."""
    return {"color": f"C{place % 10}", "marker": _MARKERS[place % len(_MARKERS)]}


def _short(codes: Sequence[str]) -> dict[str, str]:
    """Language codes without the script, where they stay distinct."""
    languages = [code.partition("_")[0] for code in codes]
    return {c: name if languages.count(name) == 1 else c for c, name in zip(codes, languages, strict=True)}


def _pairs(results: Sequence[Result], kind: str, title: str) -> Canvas:
    """A heat map of all language pairs per encoder, on one scale; a single map if all pairs share one language."""
    results = [result for result in results if result.of(kind)]
    pairs = [figure.languages for result in results for figure in result.of(kind)]
    codes = [code for code in results[0].languages if any(code in pair for pair in pairs)]
    if len(codes) > 2 and (common := set.intersection(*map(set, pairs))):
        return _pairs_with_one(results, kind, title, common.pop(), codes)
    maps = []
    for result in results:
        values = np.full((len(codes), len(codes)), np.nan)
        for figure in result.of(kind):
            a, b = (codes.index(code) for code in figure.languages)
            values[a, b] = values[b, a] = figure.value
        for figure in result.of("mono") if kind == "cross" else []:
            if figure.languages[0] in codes:
                values[codes.index(figure.languages[0]), codes.index(figure.languages[0])] = figure.value
        maps.append(values)
    cell = min(0.42, 6 / len(codes)) if len(codes) > 6 else 0.55
    size = max(3.0, cell * len(codes))
    columns = min(len(maps), _MAPS_IN_A_ROW)
    rows = math.ceil(len(maps) / columns)
    canvas, grid = pyplot.subplots(
        rows, columns, figsize=(size * columns + 1, (size + 0.3) * rows + 0.3), squeeze=False, layout="constrained"
    )
    for axes in grid.flat[len(maps) :]:
        axes.set_axis_off()
    low, high = np.nanmin(maps), np.nanmax(maps)
    for axes, values, result in zip(grid.flat, maps, results, strict=False):
        image = axes.imshow(values, vmin=low, vmax=high, cmap="viridis_r" if kind == "xsim" else "viridis")
        axes.set_xticks(range(len(codes)), _short(codes).values(), rotation=90, fontsize=7)
        axes.set_yticks(range(len(codes)), _short(codes).values(), fontsize=7)
        axes.set_title(result.encoder, fontsize=9)
        if len(codes) <= 10:
            _write_values(axes, values, (low + high) / 2, kind == "xsim")
    canvas.colorbar(image, ax=grid.ravel().tolist(), label=title, shrink=0.8)
    canvas.suptitle(results[0].heading, fontsize=10)
    return canvas


def _pairs_with_one(results: Sequence[Result], kind: str, title: str, one: str, codes: Sequence[str]) -> Canvas:
    """A heat map with one row per encoder and one column per language that is paired with `one`."""
    codes = [code for code in codes if code != one]
    values = np.full((len(results), len(codes)), np.nan)
    for row, result in enumerate(results):
        for figure in result.of(kind):
            other = next(code for code in figure.languages if code != one)
            values[row, codes.index(other)] = figure.value
    size = (max(3.0, 0.42 * len(codes)) + 2, max(1.0, 0.35 * len(results)) + 1.2)
    canvas, axes = pyplot.subplots(figsize=size, layout="constrained")
    image = axes.imshow(values, cmap="viridis_r" if kind == "xsim" else "viridis", aspect="auto")
    axes.set_xticks(range(len(codes)), _short(codes).values(), rotation=90, fontsize=7)
    axes.set_yticks(range(len(results)), [result.encoder for result in results], fontsize=8)
    _write_values(axes, values, (np.nanmin(values) + np.nanmax(values)) / 2, kind == "xsim", places=int(kind == "xsim"))
    canvas.colorbar(image, ax=axes)
    axes.set_title(f"{results[0].heading}, with {_short([one])[one]}\n{title}", fontsize=10)
    return canvas


def _write_values(axes: Axes, values: np.ndarray, middle: float, reversed_map: bool, places: int = 0) -> None:
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            dark = (value > middle) if reversed_map else (value < middle)
            axes.text(
                column, row, f"{value:.{places}f}", ha="center", va="center", fontsize=7, color="w" if dark else "k"
            )


def _similarities(results: Sequence[Result]) -> Canvas:
    """Histograms of the cosines of translations beside those of unrelated sentences."""
    results = [result for result in results if result.histograms]
    canvas, grid = pyplot.subplots(
        len(results), 1, figsize=(_WIDE, 1.3 + 1.5 * len(results)), squeeze=False, sharex=True, layout="constrained"
    )
    for axes, result in zip(grid[:, 0], results, strict=True):
        bins = np.array(result.histograms["bins"])
        for name, color in (("random", _UNALIKE), ("parallel", "tab:blue")):
            label = "translations" if name == "parallel" else "random pairs"
            axes.stairs(result.histograms[name], bins, fill=True, alpha=0.6, color=color, label=label)
        axes.set_title(result.encoder, fontsize=9)
        axes.set_ylabel("share")
    filled = np.array([result.histograms["random"] for result in results]) + 0
    filled += np.array([result.histograms["parallel"] for result in results])
    used = np.flatnonzero(filled.sum(axis=0) > 0)
    grid[-1, 0].set_xlim(bins[used[0]] - 0.05, min(1.02, bins[used[-1] + 1] + 0.05))
    grid[-1, 0].set_xlabel("cosine similarity")
    grid[0, 0].legend(fontsize=8)
    canvas.suptitle(results[0].heading, fontsize=10)
    return canvas


def _similarity_and_shape(results: Sequence[Result]) -> dict[str, Point]:
    """Map each encoder to (RSIM, cross-lingual similarity), each a mean over the benchmarks that all encoders have."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for result in results:
        for kind, wanted in (("rsim", True), ("cross", result.task in ("similarity", "relatedness"))):
            if wanted and (figure := result.mean(kind)) is not None:
                found.setdefault(result.encoder, {})[kind, result.benchmark] = figure.value
    if not found:
        return {}
    common = set.intersection(*(set(values) for values in found.values()))

    def mean(values: dict[tuple[str, str], float], kind: str) -> float:
        chosen = [value for key, value in values.items() if key in common and key[0] == kind]
        return float(np.mean(chosen)) if chosen else np.nan

    points = {name: (mean(values, "rsim"), mean(values, "cross")) for name, values in found.items()}
    return {name: point for name, point in points.items() if not np.isnan(point).any()}


def _scatter(points: dict[str, Point], split: str) -> Canvas:
    canvas, axes = pyplot.subplots(figsize=(_WIDE, 4), layout="constrained")
    for place, (name, (shape, similarity)) in enumerate(points.items()):
        axes.scatter([shape], [similarity], s=40, label=name, **_style(place))
    axes.margins(0.1)
    axes.set_xlabel("RSIM")
    axes.set_ylabel("Similarity across languages (Spearman)")
    axes.set_title(f"Graded similarity against the shape of the space, {split}", fontsize=11)
    canvas.legend(loc="outside lower center", ncols=3, fontsize=8)
    return canvas
