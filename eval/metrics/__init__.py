"""Metrics as `evaluate` modules; `evaluate.load(path)` loads the folder of each without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate

from eval.metrics.accuracy.accuracy import accuracy
from eval.metrics.language_bias.language_bias import language_bias
from eval.metrics.rsim.rsim import rsim, similarity_matrix
from eval.metrics.spearman.spearman import spearman
from eval.metrics.xsim_error.xsim_error import margin_matches, xsim_error

__all__ = [
    "METRICS",
    "accuracy",
    "language_bias",
    "load_metric",
    "margin_matches",
    "rsim",
    "similarity_matrix",
    "spearman",
    "xsim_error",
]

METRICS = ("accuracy", "language_bias", "rsim", "spearman", "xsim_error")


def load_metric(name: str) -> Any:  # noqa: ANN401
    """Load one of `METRICS` as an `evaluate.Metric`.

    Example:
        >>> load_metric("spearman").compute(predictions=[0.1, 0.5, 0.9], references=[1, 2, 3])
        {'spearman': 100.0}
    """
    if name not in METRICS:
        raise ValueError(f"no metric {name!r}: there are {', '.join(METRICS)}")
    return evaluate.load(str(Path(__file__).parent / name / f"{name}.py"), keep_in_memory=True)
