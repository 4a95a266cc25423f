"""Spearman's rank correlation between similarities and grades, as an `evaluate` module, times 100.

It is the Pearson correlation of their ranks, where ties get their mean rank. 100: the similarities rank the pairs
exactly as the grades do.
"""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

CITATION = """\
Spearman, C. (1904). The Proof and Measurement of Association between Two Things. The American Journal of Psychology 15.
"""


def spearman(predictions: ArrayLike, references: ArrayLike) -> float:
    """Spearman's rank correlation times 100.

    Args:
        predictions: `[n]`, similarities.
        references: `[n]`, grades.

    Raises:
        ValueError: the similarities or the grades are constant or not finite, so the correlation is undefined.
    """
    predicted, gold = np.asarray(predictions, dtype=np.float64), np.asarray(references, dtype=np.float64)
    for name, values in (("similarities", predicted), ("grades", gold)):
        if not np.isfinite(values).all():
            raise ValueError(f"Spearman's correlation needs finite {name}, found {values[~np.isfinite(values)][0]}")
        if len(values) < 2 or np.ptp(values) == 0:
            raise ValueError(f"Spearman's correlation needs {name} that vary, found {len(values)} that are all equal")
    return float(spearmanr(predicted, gold).statistic) * 100


class Spearman(evaluate.Metric):  # type: ignore[misc]
    """Spearman's rank correlation times 100."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=__doc__,
            citation=CITATION,
            inputs_description=spearman.__doc__,
            features=datasets.Features(
                {"predictions": datasets.Value("float64"), "references": datasets.Value("float64")}
            ),
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:  # noqa: ANN401
        return {"spearman": spearman(predictions, references)}
