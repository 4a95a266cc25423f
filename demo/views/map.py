"""The 2-D map: the positions of the sentences under every composition."""

from __future__ import annotations

import numpy as np

from demo.compare.comparison import Comparison
from demo.compare.projection import project
from demo.views.labels import place_labels
from demo.views.text import chip, escaped, hue, label, marks

_SIZE, _MARGIN, _MARK = 320, 26, 6.0
_FEW = 24  # rows; with more, the lines are drawn faintly, so that the marks stay visible
_MARKS = ("circle", "square", "triangle", "diamond", "cross", "star", "bar", "ring")


def map_view(comparison: Comparison) -> str:
    """One map for every composition, all in the same coordinates, coloured by language."""
    points, shares = project(comparison.vectors)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    middle, half = (low + high) / 2, max(float((high - low).max()) / 2, 1e-6)
    placed = (points - middle) / half  # the same unit in both directions, so that distances can be compared
    figures = "".join(_map(comparison, number, placed[number]) for number in range(len(comparison.columns)))
    order = comparison.languages
    kind = f"mse-maps mse-of{len(comparison.columns)}"
    key = "".join(
        f'<span class="mse-key"><svg viewBox="-9 -9 18 18" width="18" height="18" aria-hidden="true">'
        f"{_mark(0, 0, hue(code, order))}</svg>{chip(code, order)}</span>"
        for code in order
    )
    return (
        f'<div class="mse-keys">{key}</div><div class="mse-frame"><div class="{kind}">{figures}</div></div>'
        f'<p class="mse-note">Principal components of all compositions together: the two directions explain '
        f"{shares.sum() * 100:.0f}% of the variance. Lines join sentences with the same meaning; numbers are meanings."
        "</p>"
    )


def _map(comparison: Comparison, number: int, points: np.ndarray) -> str:
    rows, order = comparison.rows, comparison.languages
    at = [
        (_MARGIN + (x + 1) / 2 * (_SIZE - 2 * _MARGIN), _MARGIN + (1 - y) / 2 * (_SIZE - 2 * _MARGIN))
        for x, y in points.tolist()
    ]
    joined = "".join(
        f'<line x1="{at[i][0]:.1f}" y1="{at[i][1]:.1f}" x2="{at[j][0]:.1f}" y2="{at[j][1]:.1f}"/>'
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if rows[i].meaning and rows[i].meaning == rows[j].meaning
    )
    texts = marks(rows)
    points_shown = "".join(
        f'<g class="mse-point"><title>{escaped(row.language)}: {escaped(row.text)}</title>'
        f"{_mark(x, y, hue(row.language, order))}{_label(text, place)}</g>"
        for row, (x, y), text, place in zip(rows, at, texts, place_labels(at, texts, _MARK, _SIZE), strict=True)
    )
    lines = f'<g class="mse-lines{" mse-faint" if len(rows) > _FEW else ""}">{joined}</g>'
    title = escaped(comparison.columns[number].title)
    names = escaped("; ".join(label(rows, i) for i in range(min(len(rows), 30))))
    return (
        f'<figure class="mse-figure"><figcaption><span class="mse-number">{number + 1}</span> {title}</figcaption>'
        f'<svg class="mse-map" viewBox="0 0 {_SIZE} {_SIZE}" role="img" '
        f'aria-label="Map of the sentences, {title}: {names}">'
        f'<rect x="1" y="1" width="{_SIZE - 2}" height="{_SIZE - 2}" rx="8"/>{lines}{points_shown}</svg></figure>'
    )


def _label(text: str, place: tuple[float, float] | None) -> str:
    if place is None:
        return ""
    x, y = place
    return f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" direction="ltr">{escaped(text)}</text>'


def _mark(x: float, y: float, number: int) -> str:
    """The mark of a language, given by its number: a shape and a colour."""
    shapes = {
        "circle": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>',
        "square": f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"/>',
        "triangle": f'<path d="M{x:.1f} {y - 6:.1f}l5.6 10h-11.2z"/>',
        "diamond": f'<path d="M{x:.1f} {y - 6.5:.1f}l5.5 6.5l-5.5 6.5l-5.5-6.5z"/>',
        "cross": f'<path d="M{x - 2:.1f} {y - 6:.1f}h4v4h4v4h-4v4h-4v-4h-4v-4h4z"/>',
        "star": f'<path d="M{x:.1f} {y - 7:.1f}l2 5h5l-4 3l2 6l-5-4l-5 4l2-6l-4-3h5z"/>',
        "bar": f'<rect x="{x - 6:.1f}" y="{y - 2.5:.1f}" width="12" height="5"/>',
        "ring": f'<circle class="mse-ring" cx="{x:.1f}" cy="{y:.1f}" r="4"/>',
    }
    return f'<g class="mse-dot mse-l{number}">{shapes[_MARKS[number]]}</g>'
