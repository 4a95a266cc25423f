"""Growth plots: how figures change with training steps, for languages trained for several step counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure as Canvas

from eval.results import Result

_ENOUGH = 3  # the table already compares two points
_COLORS = "tab20"  # alternates a dark and a light shade of each colour


@dataclass(frozen=True)
class Stage:
    """A training stage whose growth is plotted.

    Attributes:
        kind: kind of the results to plot.
        before: kind of the results before the stage, drawn as a dotted line.
        phases: phases whose steps are counted.
        figures: kinds of figures to plot for a language, with their labels.
        name: name of the stage, for display.
        suffix: suffix of the plot's file name.
    """

    kind: str
    before: str
    phases: tuple[str, ...]
    figures: dict[str, str]
    name: str
    suffix: str

    def steps(self, result: Result, code: str) -> int:
        """The number of steps that a language was trained for in this stage."""
        counts = result.facts.get("encoder", {}).get("steps", {}).get(code, {})
        return sum(count for phase, count in counts.items() if phase in self.phases)

    def growing(self, results: Sequence[Result]) -> list[str]:
        """The languages with results for at least three step counts."""
        counts: dict[str, set[int]] = {}
        for result in results:
            if result.kind == self.kind and any(result.of(figure) for figure in self.figures):
                for code in result.languages:
                    counts.setdefault(code, set()).add(self.steps(result, code))
        return [code for code, found in counts.items() if len(found) >= _ENOUGH]


STAGES = (
    Stage("modules", "base", ("la", "se"), {"mono": "within", "cross": "with others"}, "stage 1", "steps"),
    # Alignment is off within a language.
    Stage("aligned", "modules", ("cla",), {"cross": "with others"}, "alignment", "alignment-steps"),
)


def draw_growth(results: Sequence[Result], stage: Stage, codes: Sequence[str], metric: str) -> Canvas:
    """Plot figures of languages against the steps of a stage; dotted lines show the figures before the stage.

    Args:
        results: results of one benchmark.
        stage: the stage.
        codes: languages to plot, from `stage.growing`.
        metric: label of the y axis.
    """
    canvas, axes = pyplot.subplots(figsize=(5.5, 4), layout="constrained")
    for place, code in enumerate(codes):
        for shade, (kind, label) in enumerate(stage.figures.items()):
            color, marker = pyplot.get_cmap(_COLORS)(2 * place + shade), "os"[shade]
            points, before = [], []
            for result in results:
                values = [figure.value for figure in result.of(kind) if code in figure.languages]
                if values and result.kind == stage.kind:
                    points.append((stage.steps(result, code), float(np.mean(values))))
                elif values and result.kind == stage.before:
                    before.append(float(np.mean(values)))
            if points:
                axes.plot(*zip(*sorted(points), strict=True), marker=marker, color=color, label=f"{code}, {label}")
            for value in before[:1]:
                axes.axhline(value, color=color, linestyle=":", linewidth=1)
    axes.set_xlabel(f"steps of {stage.name}")
    axes.set_ylabel(metric)
    axes.set_title(f"{results[0].heading}\n(dotted: before {stage.name})", fontsize=10)
    axes.legend(fontsize=8)
    return canvas
