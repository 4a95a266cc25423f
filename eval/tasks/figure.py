"""A figure: one number about an encoder, with what it would have been on other items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from eval.bootstrap import interval


@dataclass
class Figure:
    """One number.

    Attributes:
        name: what it is in tables: `mono`, `cross`, `bias`, `xsim`, `rsim`.
        metric: `spearman`, `accuracy`, `language_bias`, `xsim_error`, `rsim`.
        value: percent, percentage points for the bias, a correlation for RSIM.
        samples: `[resamples]`, its values on bootstrap resamples; empty where only the interval was kept.
        size: how many items it was computed on.
        languages: one, or two for a comparison across; none for a mean over languages.
        modules: fingerprints of the modules it depends on.
        interval: the 95% confidence interval; by default from the samples.
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
    """The mean over languages or pairs of languages, resampled jointly where they share their items."""
    return Figure(
        name,
        figures[0].metric,
        float(np.mean([figure.value for figure in figures])),
        np.mean([figure.samples for figure in figures], axis=0),
        sum(figure.size for figure in figures),
    )


def both_ways(one: Figure, other: Figure) -> Figure:
    """A pair of languages: the mean of its two directions."""
    mean = mean_of(one.name, [one, other])
    mean.languages, mean.size = one.languages, one.size
    mean.modules = tuple(dict.fromkeys((*one.modules, *other.modules)))
    return mean
