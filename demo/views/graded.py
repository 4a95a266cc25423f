"""Graded pairs: a scatter plot of cosines against grades for every composition."""

from __future__ import annotations

import numpy as np

from demo.compare.graded import Graded, GradedPairs
from demo.views.fragments import escaped
from demo.views.scale import step

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 320, 246, 40, 36, 22
_TICKS = (0.02, 0.05, 0.1, 0.25, 0.5)


def graded_view(pairs: GradedPairs, graded: list[Graded]) -> str:
    """Scatter plots on common axes, and Spearman's rank correlation."""
    low = float(np.floor(min(item.cosines.min() for item in graded) * 20) / 20)
    figures = "".join(_scatter(pairs, item, number, low) for number, item in enumerate(graded))
    best = max((item.spearman for item in graded if item.spearman is not None), default=None)
    languages = " and ".join(dict.fromkeys(pairs.languages))
    says = f"{len(pairs.scores)} pairs, {languages}: {pairs.name}. "
    if best is not None:
        winner = next(item.column.title for item in graded if item.spearman == best)
        says += f"“{winner}” ranks them most like people do; with so few pairs, a few points can be chance."
    kind = f"mse-maps mse-of{len(graded)}"
    return f'<p class="mse-note">{escaped(says)}</p><div class="mse-frame"><div class="{kind}">{figures}</div></div>'


def _scatter(pairs: GradedPairs, item: Graded, number: int, low: float) -> str:
    grades = (float(pairs.scores.min()), float(pairs.scores.max()))

    def x(grade: float) -> float:
        return _LEFT + 10 + (grade - grades[0]) / ((grades[1] - grades[0]) or 1) * (_WIDTH - _LEFT - 24)

    def y(cosine: float) -> float:
        return _TOP + (1 - (cosine - low) / ((1 - low) or 1)) * (_HEIGHT - _TOP - _BOTTOM)

    dots = "".join(
        f'<circle class="mse-s{8 + step(cosine, low, 1.0) // 2}" cx="{x(grade) + _spread(k):.1f}" '
        f'cy="{y(cosine):.1f}" r="3.2"/>'
        for k, (grade, cosine) in enumerate(zip(pairs.scores.tolist(), item.cosines.tolist(), strict=True))
    )
    apart = next((tick for tick in _TICKS if (1 - low) / tick <= 5), 1.0)
    ticks = "".join(
        f'<text class="mse-tick" x="{x(g):.1f}" y="{_HEIGHT - 19}" text-anchor="middle">{g:g}</text>'
        for g in np.linspace(*grades, 6).round(1).tolist()
    ) + "".join(
        f'<line class="mse-grid" x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y(c):.1f}" y2="{y(c):.1f}"/>'
        f'<text class="mse-tick" x="{_LEFT - 6}" y="{y(c) + 3:.1f}" text-anchor="end">{c:.2f}</text>'
        for c in np.arange(1, low - 1e-9, -apart).tolist()
    )
    rho = "not defined" if item.spearman is None else f"{item.spearman:.1f}"
    title = escaped(item.column.title)
    return (
        f'<figure class="mse-figure"><figcaption><span class="mse-number">{number + 1}</span> {title}'
        f'<span class="mse-rho">Spearman {rho}</span></figcaption>'
        f'<svg class="mse-scatter" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="Grades against cosines, {title}: Spearman {rho}">{ticks}{dots}'
        f'<text class="mse-tick" x="{_WIDTH - 8}" y="{_HEIGHT - 5}" text-anchor="end">grade</text>'
        f'<text class="mse-tick" x="4" y="9">cosine</text></svg></figure>'
    )


def _spread(number: int) -> float:
    """The horizontal shift of a dot, up to 5 units to either side, so that dots of one grade do not hide each other."""
    return ((number * 0.618034) % 1 - 0.5) * 10
