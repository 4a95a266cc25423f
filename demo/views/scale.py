"""The colour scales of all views: 21 steps for similarities and 21 for differences, for light and dark themes."""

from __future__ import annotations

import functools

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
    backgrounds = [_between(stops, number / (STEPS - 1)) for number in range(STEPS)]
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


def _between(stops: tuple[str, ...], share: float) -> str:
    place = share * (len(stops) - 1)
    left = min(int(place), len(stops) - 2)
    first, second = _oklab(stops[left]), _oklab(stops[left + 1])
    part = place - left
    return _hex(tuple(a + (b - a) * part for a, b in zip(first, second, strict=True)))


def _readable(background: str) -> str:
    """Black or white, whichever has the higher contrast; one of them always has at least 4.5 to 1."""
    inks = ("#000000", "#ffffff")
    return max(inks, key=lambda ink: contrast(ink, background))


def contrast(a: str, b: str) -> float:
    """The contrast ratio as WCAG defines it, from 1 to 21."""
    bright, dim = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(colour: str) -> tuple[float, float, float]:
    values = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return red, green, blue


def _oklab(colour: str) -> tuple[float, float, float]:
    """A colour in Oklab (Ottosson 2020), a space in which equal steps look equal."""
    r, g, b = _linear(colour)
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _hex(lab: tuple[float, ...]) -> str:
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    values = (12.92 * v if v <= 0.0031308 else 1.055 * max(v, 0) ** (1 / 2.4) - 0.055 for v in linear)
    return "#" + "".join(f"{round(min(1.0, max(0.0, value)) * 255):02x}" for value in values)
