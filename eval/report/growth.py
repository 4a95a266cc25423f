"""The plot of growth: what more steps bring to languages that were trained for several numbers of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure as Canvas

from eval.results import Result

_ENOUGH = 3  # two points are a comparison, which the table makes
_COLORS = "tab20"  # pairs of a dark and a light one


@dataclass(frozen=True)
class Stage:
    """What grows.

    Attributes:
        kind: of the results that are drawn.
        before: of the results that they started from, which are drawn as a dotted line.
        phases: whose steps are counted.
        figures: what is drawn of a language, and how it is called.
        name: of the stage, for people.
        suffix: of the plot's name.
    """

    kind: str
    before: str
    phases: tuple[str, ...]
    figures: dict[str, str]
    name: str
    suffix: str

    def steps(self, result: Result, code: str) -> int:
        """That a language was trained for."""
        counts = result.facts.get("encoder", {}).get("steps", {}).get(code, {})
        return sum(count for phase, count in counts.items() if phase in self.phases)

    def growing(self, results: Sequence[Result]) -> list[str]:
        """The languages that were trained for several numbers of steps."""
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
    """How languages get better with the steps of a stage; dotted: before it.

    Args:
        results: of one benchmark.
        stage: whose steps.
        codes: of `stage.growing`.
        metric: for the axis.
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
