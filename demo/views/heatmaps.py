"""Similarities of all pairs under every composition, on one scale, or their change from the first composition."""

from __future__ import annotations

import numpy as np

from demo.compare.comparison import Comparison
from demo.views.fragments import chip, escaped, marks, said
from demo.views.scale import STEPS, step

_NUMBERS_UP_TO = 20  # rows; with more, cells are too small for numbers
_NARROWEST = 0.05


def heatmaps_view(comparison: Comparison, difference: bool = False) -> str:
    """One heat map for every composition.

    Args:
        comparison: a comparison of at least one row.
        difference: show the difference from the first composition instead, in all other maps.
    """
    low, high, most = limits(comparison)
    figures = [
        _heatmap(comparison, number, (low, high), most if difference and number else None)
        for number in range(len(comparison.columns))
    ]
    legend = _legend(low, high, "cosine", "s")
    if difference and len(comparison.columns) > 1:
        legend += _legend(-most, most, f"change from {comparison.columns[0].title}", "d")
    return (
        f'<div class="mse-frame"><div class="mse-heatmaps mse-of{len(comparison.columns)}">'
        f"{''.join(figures)}</div></div>"
        f'<div class="mse-legends">{legend}</div>'
        '<div class="mse-reading" aria-live="polite">Point at a cell, or move with the arrow keys, to read the pair.'
        "</div>"
    )


def limits(comparison: Comparison) -> tuple[float, float, float]:
    """The two ends of the scale of similarities, and the upper end of that of differences, which is symmetric to 0.

    They are the same for all compositions. A sentence's similarity to itself, always 1, is left out.
    """
    cosines = comparison.similarities
    off = ~np.eye(cosines.shape[1], dtype=bool)
    values = cosines[:, off] if off.any() else cosines.reshape(len(cosines), -1)
    low = np.floor(float(values.min()) * 20) / 20
    high = min(1.0, max(float(np.ceil(float(values.max()) * 20) / 20), low + _NARROWEST))
    changes = values - values[:1]
    most = max(float(np.ceil(float(np.abs(changes).max()) * 20) / 20), _NARROWEST)
    return float(low), float(high), most


def _heatmap(comparison: Comparison, number: int, ends: tuple[float, float], most: float | None) -> str:
    rows, order = comparison.rows, comparison.languages
    cosines = comparison.similarities
    values = cosines[number] if most is None else cosines[number] - cosines[0]
    low, high = ends if most is None else (-most, most)
    letter = "s" if most is None else "d"
    numbers = len(rows) <= _NUMBERS_UP_TO
    named = marks(rows)
    head = "".join(
        f'<th scope="col" title="{escaped(row.text)}"><span class="mse-hidden">{escaped(row.language)} </span>'
        f"{escaped(mark)}</th>"
        for row, mark in zip(rows, named, strict=True)
    )
    body = []
    for i, row in enumerate(rows):
        cells = []
        for j in range(len(rows)):
            value = float(values[i, j])
            same = " mse-self" if i == j else " mse-same" if row.same_meaning(rows[j]) else ""
            text = _number(value, most is not None)
            shown = text if numbers else f'<span class="mse-hidden">{text}</span>'
            tab = "0" if i == j == 0 else "-1"
            cells.append(
                f'<td class="mse-{letter}{step(value, low, high)}{same}" tabindex="{tab}" data-i="{i}" data-j="{j}">'
                f"{shown}</td>"
            )
        body.append(
            f'<tr><th scope="row" title="{escaped(row.text)}">{chip(row.language, order)}'
            f'<span class="mse-meaning">{escaped(named[i])}</span>'
            f'<span class="mse-hidden mse-text">{said(row)}</span></th>{"".join(cells)}</tr>'
        )
    what = "similarities" if most is None else f"change from {escaped(comparison.columns[0].title)}"
    title = escaped(comparison.columns[number].title)
    # The number of cells decides how wide the map must be to show numbers.
    many = next((f"mse-n{most}" for most in (8, 12, 16, _NUMBERS_UP_TO) if len(rows) <= most), "mse-many")
    return (
        f'<div class="mse-figure"><table class="mse-heat {many}" data-column="{title}"><caption>'
        f'<span class="mse-number">{number + 1}</span> {title} <small>{what}</small></caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _number(value: float, signed: bool) -> str:
    """A cosine in hundredths (`87` for 0.87), short enough for a cell."""
    hundredths = round(value * 100)
    return f"{hundredths:+d}".replace("-", "−") if signed and hundredths else str(hundredths).replace("-", "−")


def _legend(low: float, high: float, name: str, letter: str) -> str:
    sign = "+" if letter == "d" else ""
    bar = "".join(f'<i class="mse-{letter}{number}"></i>' for number in range(STEPS))
    low_text = f"{low:{sign}.2f}".replace("-", "−")
    return (
        f'<div class="mse-legend"><span>{escaped(name)}</span><span class="mse-end">{low_text}</span>'
        f'<span class="mse-bar" aria-hidden="true">{bar}</span><span class="mse-end">{high:{sign}.2f}</span></div>'
    )
