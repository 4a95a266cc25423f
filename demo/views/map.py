"""The 2-D map: principal components of the vectors under every composition, with labels that cover nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from demo.compare.comparison import Comparison
from demo.views.fragments import chip, escaped, hue, label, marks

_SIZE, _MARGIN, _MARK = 320, 26, 6.0
_FEW = 24  # rows; with more, the lines are drawn faintly, so that the marks stay visible
_MARKS = ("circle", "square", "triangle", "diamond", "cross", "star", "bar", "ring")

_BESIDE = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1))
_RINGS = (1.0, 1.7, 2.4)
"""Distances of a label from its mark, in multiples of the distance at which it just does not touch it."""
_LETTER = (6.6, 13.0)
"""Width of a letter and height of a line of `.mse-point text`, which has 11 px."""

_Box = tuple[float, float, float, float]
"""A box: its centre, and half its width and height."""


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


def project(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project the vectors of all compositions on the first two principal components of all of them together.

    Args:
        vectors: `[columns, n, dim]`.

    Returns:
        Points `[columns, n, 2]`, and the share of the variance that each component explains, `[2]`.
    """
    flat = vectors.reshape(-1, vectors.shape[2]).astype(np.float64)
    flat -= flat.mean(axis=0)
    _, sizes, directions = np.linalg.svd(flat, full_matrices=False)
    # The sign of a component is arbitrary: making the largest weight positive keeps a map from flipping.
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1, keepdims=True), axis=1)
    directions = (directions * np.where(largest < 0, -1, 1))[:2]
    points, shares = np.zeros((*vectors.shape[:2], 2)), np.zeros(2)
    points[..., : len(directions)] = (flat @ directions.T).reshape(*vectors.shape[:2], -1)
    shares[: len(directions)] = sizes[:2] ** 2 / ((sizes**2).sum() or 1)
    return points, shares


def _map(comparison: Comparison, number: int, points: np.ndarray) -> str:
    rows, order = comparison.rows, comparison.languages
    at = [
        (_MARGIN + (x + 1) / 2 * (_SIZE - 2 * _MARGIN), _MARGIN + (1 - y) / 2 * (_SIZE - 2 * _MARGIN))
        for x, y in points.tolist()
    ]
    joined = "".join(
        f'<line x1="{at[i][0]:.1f}" y1="{at[i][1]:.1f}" x2="{at[j][0]:.1f}" y2="{at[j][1]:.1f}"/>'
        for i, j in combinations(range(len(rows)), 2)
        if rows[i].same_meaning(rows[j])
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


def place_labels(
    points: Sequence[tuple[float, float]], texts: Sequence[str], size: float, frame: float
) -> list[tuple[float, float] | None]:
    """Find a place for each label that touches neither a mark, another label nor the frame's edge.

    Args:
        points: the centres of the marks.
        texts: the label of each mark.
        size: half the width of a mark.
        frame: width and height of the plot.

    Returns:
        The centre of each label; None if there is no room for it. Left out, a label can still be read by pointing at
        its mark; on top of another, neither could be read.
    """
    taken: list[_Box] = [(x, y, size, size) for x, y in points]
    places: list[tuple[float, float] | None] = []
    for (x, y), text in zip(points, texts, strict=True):
        wide, high = len(text) * _LETTER[0] / 2 + 1, _LETTER[1] / 2
        boxes = (
            (x + right * (size + wide + 1) * ring, y + down * (size + high + 1) * ring, wide, high)
            for ring in _RINGS
            for right, down in _BESIDE
        )
        box = next((box for box in boxes if _inside(box, frame) and not any(_overlap(box, it) for it in taken)), None)
        taken += [box] if box else []
        places.append(box and box[:2])
    return places


def _inside(box: _Box, frame: float) -> bool:
    return all(half <= middle <= frame - half for middle, half in zip(box[:2], box[2:], strict=True))


def _overlap(a: _Box, b: _Box) -> bool:
    return abs(a[0] - b[0]) < a[2] + b[2] and abs(a[1] - b[1]) < a[3] + b[3]
