"""The colour scales of all views: 21 steps for similarities and 21 for differences, for light and dark themes."""

from __future__ import annotations

import functools

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb

STEPS = 21

# Similarities are blue-green. Differences go from a warm colour to blue-green, distinct for colour-blind people too.
_SEQUENTIAL = {
    "light": ("#f4f1ea", "#bcd9d2", "#5aa5a2", "#17606f", "#0b3a4d"),
    "dark": ("#1b2128", "#1f3f48", "#22707a", "#4fb3a9", "#c3efdf"),
}
_DIVERGING = {
    "light": ("#9a3f12", "#e3a06e", "#f4f1ea", "#7fbab3", "#12586a"),
    "dark": ("#f0a06a", "#8d4f28", "#1b2128", "#226a72", "#86d8c9"),
}

LANGUAGES = {
    "light": ("#1f6f8b", "#b4531a", "#6a4fa3", "#2f7d4a", "#a8326b", "#7a6212", "#3657b0", "#57606a"),
    "dark": ("#6cc3dd", "#f0a36b", "#b7a1ee", "#7fcf98", "#ee8fbd", "#d6bd5c", "#92aef5", "#aab4be"),
}
"""Colours of languages; each language also has its own mark, so that nobody has to rely on the colour."""


def step(value: float, low: float, high: float) -> int:
    """The step of a value on the scale, from 0 to 20."""
    share = (value - low) / (high - low) if high > low else 1.0
    return round(min(1.0, max(0.0, share)) * (STEPS - 1))


@functools.cache
def colours(kind: str, theme: str) -> tuple[tuple[str, str], ...]:
    """Background and text colour of every step.

    Args:
        kind: `sequential` or `diverging`.
        theme: `light` or `dark`.
    """
    stops = (_SEQUENTIAL if kind == "sequential" else _DIVERGING)[theme]
    ramp = LinearSegmentedColormap.from_list(kind, stops)(np.linspace(0, 1, STEPS))
    backgrounds = [to_hex(colour) for colour in ramp]
    return tuple((background, _readable(background)) for background in backgrounds)


def css() -> str:
    """The CSS classes `mse-s0` … (similarities), `mse-d0` … (differences), `mse-l0` … (languages), for both themes."""
    rules = []
    for theme, prefix in (("light", ""), ("dark", ".dark ")):
        for kind, letter in (("sequential", "s"), ("diverging", "d")):
            for number, (background, text) in enumerate(colours(kind, theme)):
                rules.append(f"{prefix}.mse-{letter}{number}{{background:{background};color:{text}}}")
                rules.append(f"{prefix}svg .mse-{letter}{number}{{fill:{background}}}")
        for number, colour in enumerate(LANGUAGES[theme]):
            rules.append(f"{prefix}.mse-l{number}{{--hue:{colour}}}")
    return "\n".join(rules)


def _readable(background: str) -> str:
    """Black or white, whichever has the higher contrast; one of them always has at least 4.5 to 1."""
    inks = ("#000000", "#ffffff")
    return max(inks, key=lambda ink: contrast(ink, background))


def contrast(a: str, b: str) -> float:
    """The contrast ratio as WCAG defines it, from 1 to 21."""
    bright, dim = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(colour)]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))
