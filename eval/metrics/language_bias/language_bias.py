"""Language bias, as an `evaluate` module: how much ranking all language pairs on one scale lowers the correlation.

It is the mean of the Spearman correlations of the bilingual pairs minus the Spearman correlation of all of them
concatenated, times 100. 0: similarities mean the same in every pair of languages; large: similarities depend on which
languages a pair is in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

CITATION = """\
Huang, Y., Wang, K., Glavas, G. and Gurevych, I. (2025). Modular Sentence Encoders: Separating Language Specialization
from Cross-Lingual Alignment. ACL. (after Roy, U. et al. (2020), LAReQA, EMNLP)
"""


def language_bias(predictions: ArrayLike, references: ArrayLike, groups: Sequence[str]) -> float:
    """Mean Spearman of the groups minus the Spearman of all, times 100.

    Args:
        predictions: `[n]`, similarities.
        references: `[n]`, grades.
        groups: `[n]`, the language pair of each item.

    Raises:
        ValueError: a group's similarities or grades are constant.
    """
    predicted, gold = np.asarray(predictions, dtype=np.float64), np.asarray(references, dtype=np.float64)
    names = np.asarray(groups)
    each = []
    for name in np.unique(names):
        mine = names == name
        if np.ptp(predicted[mine]) == 0 or np.ptp(gold[mine]) == 0:
            raise ValueError(f"language bias needs similarities and grades that vary, those of {name} are all equal")
        each.append(spearmanr(predicted[mine], gold[mine]).statistic)
    return float(np.mean(each) - spearmanr(predicted, gold).statistic) * 100


class LanguageBias(evaluate.Metric):  # type: ignore[misc]
    """Language bias."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=__doc__,
            citation=CITATION,
            inputs_description=language_bias.__doc__,
            features=datasets.Features(
                {
                    "predictions": datasets.Value("float64"),
                    "references": datasets.Value("float64"),
                    "groups": datasets.Value("string"),
                }
            ),
        )

    def _compute(self, predictions: Any, references: Any, groups: Any) -> dict[str, float]:  # noqa: ANN401
        return {"language_bias": language_bias(predictions, references, groups)}
