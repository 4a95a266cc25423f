"""Place the labels of points beside their marks, so that they cover nothing."""

from __future__ import annotations

from collections.abc import Sequence

_BESIDE = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1))
_RINGS = (1.0, 1.7, 2.4)
"""Distances of a label from its mark, in multiples of the distance at which it just does not touch it."""


def place_labels(
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    size: float,
    frame: float,
    letter: tuple[float, float] = (6.6, 13.0),
) -> list[tuple[float, float] | None]:
    """Find a place for each label that touches neither a mark, another label nor the frame's edge.

    Args:
        points: the centres of the marks.
        texts: the label of each mark.
        size: half the width of a mark.
        frame: width and height of the plot.
        letter: width of a letter and height of a line; the default fits the 11 px of `.mse-point text`.

    Returns:
        The centre of each label; None if there is no room for it. Left out, a label can still be read by pointing at
        its mark; on top of another, neither could be read.
    """
    marks = [(x, y, size, size) for x, y in points]
    taken: list[tuple[float, float, float, float]] = []
    places: list[tuple[float, float] | None] = []
    for (x, y), text in zip(points, texts, strict=True):
        half = len(text) * letter[0] / 2 + 1, letter[1] / 2
        places.append(None)
        for ring in _RINGS:
            for right, down in _BESIDE:
                box = (x + right * (size + half[0] + 1) * ring, y + down * (size + half[1] + 1) * ring, *half)
                inside = all(extent <= middle <= frame - extent for middle, extent in zip(box[:2], half, strict=True))
                if inside and not any(_overlap(box, other) for other in (*marks, *taken)):
                    taken.append(box)
                    places[-1] = box[:2]
                    break
            if places[-1]:
                break
    return places


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    """Whether two boxes overlap, each given by its centre and half its width and height."""
    return abs(a[0] - b[0]) < a[2] + b[2] and abs(a[1] - b[1]) < a[3] + b[3]
