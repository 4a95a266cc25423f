"""Figures of merit for sentence encoders across languages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import spearmanr


def spearman(predicted: np.ndarray, gold: np.ndarray) -> float:
    """Spearman's rank correlation times 100, ties at their mean rank.

    Args:
        predicted: `[n]`, similarities.
        gold: `[n]`, grades.

    Raises:
        ValueError: a column is constant, so that there is no correlation.
    """
    if np.ptp(gold) == 0 or np.ptp(predicted) == 0:
        raise ValueError("Spearman's correlation needs grades and similarities that vary")
    return float(spearmanr(predicted, gold).statistic) * 100


def pair_similarities(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine similarity of corresponding rows: `[n, dim]` and `[n, dim]` to `[n]`."""
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    similarities: np.ndarray = np.einsum("nd,nd->n", a, b) / norms
    return similarities


def language_bias(similarities: Mapping[tuple[str, str], np.ndarray], gold: np.ndarray) -> float:
    """How much worse all language pairs are graded on one scale than each on its own.

    Mean Spearman of the language pairs minus the Spearman of all of them concatenated: 0 when similarities mean the
    same in every pair, large when a pair of languages is similar just for being these languages.

    Args:
        similarities: language pair to `[n]` similarities of the same n graded pairs.
        gold: `[n]`, grades.

    References:
        Huang et al. 2025, Modular Sentence Encoders, section on language bias (after Roy et al. 2020, LAReQA).
    """
    each = np.mean([spearman(values, gold) for values in similarities.values()])
    together = spearman(np.concatenate(list(similarities.values())), np.tile(gold, len(similarities)))
    return float(each - together)


def retrieval_accuracy(queries: np.ndarray, candidates: np.ndarray) -> float:
    """Share, in percent, of rows of `[n, dim]` whose nearest candidate (cosine) is the one in the same row."""
    similarities = _unit(queries) @ _unit(candidates).T
    return float((similarities.argmax(axis=1) == np.arange(len(queries))).mean()) * 100


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
