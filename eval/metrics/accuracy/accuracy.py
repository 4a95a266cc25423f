"""Accuracy, as an `evaluate` module: the share of predictions that equal their reference, times 100."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score

CITATION = """\
Pedregosa, F. et al. (2011). Scikit-learn: Machine Learning in Python. Journal of Machine Learning Research 12.
"""


def accuracy(predictions: ArrayLike, references: ArrayLike) -> float:
    """Share of predictions `[n]` that equal their reference `[n]`, in percent.

    Raises:
        ValueError: there are no predictions, or their number differs from that of the references.
    """
    predicted, gold = np.asarray(predictions), np.asarray(references)
    if len(gold) == 0 or len(gold) != len(predicted):
        raise ValueError(f"accuracy needs a prediction for each reference, found {len(predicted)} and {len(gold)}")
    return float(accuracy_score(gold, predicted)) * 100


class Accuracy(evaluate.Metric):  # type: ignore[misc]
    """Accuracy times 100."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=__doc__,
            citation=CITATION,
            inputs_description=accuracy.__doc__,
            features=datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}),
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:  # noqa: ANN401
        return {"accuracy": accuracy(predictions, references)}
