"""The heat maps as an image file, in the page's colours."""

from __future__ import annotations

import threading
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # writes files, opens no window

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from demo.compare.comparison import Comparison
from demo.views.fragments import label
from demo.views.heatmaps import limits
from demo.views.scale import colours, step

_NUMBERS_UP_TO = 20
_lock = threading.Lock()  # matplotlib's fonts and caches are not thread-safe


def draw(comparison: Comparison, path: Path) -> None:
    """Write a PNG with a heat map for every composition, on one scale, with rows labelled by language and meaning."""
    steps = colours("sequential", "light")
    palette = ListedColormap([background for background, _ in steps])
    low, high, _ = limits(comparison)
    count, columns = len(comparison.rows), len(comparison.columns)
    side = max(3.2, 0.3 * count)
    names = [label(comparison.rows, index) for index in range(count)]
    with _lock:
        figure = Figure(figsize=(columns * (side + 0.7) + 0.6, side + 1.0), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, columns, squeeze=False)[0]
        for number, (column, axis) in enumerate(zip(comparison.columns, axes, strict=True)):
            values = comparison.similarities[number]
            image = axis.imshow(values, cmap=palette, vmin=low, vmax=high)
            axis.set_title(f"{number + 1}. {column.title}", fontsize=10, parse_math=False)
            axis.set_xticks(range(count), names, rotation=90, fontsize=7)
            axis.set_yticks(range(count), names if number == 0 else [""] * count, fontsize=7)
            axis.tick_params(length=0)
            axis.spines[:].set_visible(False)
            if count <= _NUMBERS_UP_TO:
                for i in range(count):
                    for j in range(count):
                        ink = steps[step(values[i, j], low, high)][1]
                        text = str(round(float(values[i, j]) * 100))
                        axis.text(j, i, text, ha="center", va="center", fontsize=6, color=ink)
        figure.colorbar(image, ax=list(axes), shrink=0.7, label="cosine", pad=0.01)
        figure.savefig(path)
