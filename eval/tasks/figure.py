"""A figure: one number about an encoder, with its bootstrap resamples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from eval.bootstrap import interval, mean_samples
from eval.encoders import CachedEncoder

Draw = Callable[[int], np.ndarray]
"""Draws the bootstrap's resamples of n items: how often each item occurs in each resample, `[resamples, n]`."""


@dataclass
class Figure:
    """One measured number.

    Attributes:
        name: kind of figure in tables: `mono`, `cross`, `bias`, `xsim` or `rsim`; see also `tasks.retrieval`.
        metric: `spearman`, `accuracy`, `language_bias`, `xsim_error`, `rsim`, or a measure of retrieval.
        value: in percent; percentage points for the bias, a correlation for RSIM.
        samples: `[resamples]`, its values on bootstrap resamples; empty if only the interval was stored.
        size: number of items that it was computed on.
        languages: one language, or two for a cross-lingual figure; empty for a mean over languages.
        modules: fingerprints of the modules that it depends on.
        interval: the 95% confidence interval; computed from the samples by default.
    """

    name: str
    metric: str
    value: float
    samples: np.ndarray
    size: int
    languages: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    interval: tuple[float, float] = field(default=(math.nan, math.nan))

    def __post_init__(self) -> None:
        if len(self.samples) and math.isnan(self.interval[0]):
            self.interval = interval(self.samples)


def mean_of(name: str, figures: Sequence[Figure]) -> Figure:
    """The mean over languages or pairs of languages; figures on the same items are resampled jointly."""
    return Figure(
        name,
        figures[0].metric,
        float(np.mean([figure.value for figure in figures])),
        np.mean([figure.samples for figure in figures], axis=0),
        sum(figure.size for figure in figures),
    )


def means_of(figures: Sequence[Figure], *names: str) -> list[Figure]:
    """The mean of the figures of each of these kinds, if there are any."""
    groups = {name: [figure for figure in figures if figure.name == name] for name in names}
    return [mean_of(name, group) for name, group in groups.items() if group]


def undirected(directed: Mapping[tuple[str, str], Sequence[Figure]]) -> list[Figure]:
    """The figures of each language and each pair of languages: the mean of a pair's two directions if it has both."""
    found: list[Figure] = []
    for (one, other), figures in directed.items():
        if one == other or (other, one) not in directed:
            found += figures
        elif one < other:
            found += map(both_ways, figures, directed[other, one])
    return found


def mean_figure(
    name: str, metric: str, items: np.ndarray, languages: tuple[str, ...], encoder: CachedEncoder, draw: Draw
) -> Figure:
    """A figure that is the mean of `[n]` items, from 0 to 1, in percent; the bootstrap resamples the items."""
    return Figure(
        name,
        metric,
        100 * float(items.mean(dtype=np.float64)),
        100 * mean_samples(items, draw(len(items))),
        len(items),
        languages,
        encoder.modules(languages, across=len(languages) > 1),
    )


def both_ways(one: Figure, other: Figure) -> Figure:
    """The figure of a language pair: the mean of its two directions."""
    mean = mean_of(one.name, [one, other])
    mean.languages, mean.size = one.languages, one.size
    mean.modules = tuple(dict.fromkeys((*one.modules, *other.modules)))
    return mean
