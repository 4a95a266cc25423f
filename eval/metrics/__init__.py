"""Metrics: each is a function and an `evaluate` module, a script that `evaluate.load` reads by its path."""

from __future__ import annotations

from eval.metrics.accuracy.accuracy import accuracy
from eval.metrics.language_bias.language_bias import language_bias
from eval.metrics.rsim.rsim import rsim, similarity_matrix
from eval.metrics.spearman.spearman import spearman
from eval.metrics.xsim_error.xsim_error import margin_matches, xsim_error

__all__ = ["accuracy", "language_bias", "margin_matches", "rsim", "similarity_matrix", "spearman", "xsim_error"]
