"""RSIM, as an `evaluate` module: whether two languages place the same sentences in the same relations.

Relational similarity is the Pearson correlation between the cosine similarity matrices of the same n sentences in two
languages, over the entries above the diagonal. 1: both spaces have the same shape, wherever they lie.
"""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike

CITATION = """\
Huang, Y., Wang, K., Glavas, G. and Gurevych, I. (2025). Modular Sentence Encoders: Separating Language Specialization
from Cross-Lingual Alignment. ACL. (after Vulic, I., Ruder, S. and Soegaard, A. (2020), Are All Good Word Vector Spaces
Isomorphic?, EMNLP)
"""


def similarity_matrix(vectors: ArrayLike) -> np.ndarray:
    """Cosine similarities of all pairs of rows: `[n, dim]` to `[n, n]`."""
    values = np.asarray(vectors, dtype=np.float32)
    unit = values / np.linalg.norm(values, axis=-1, keepdims=True)
    matrix: np.ndarray = unit @ unit.T
    return matrix


def rsim(one: ArrayLike, other: ArrayLike) -> float:
    """Pearson correlation of the upper triangles of the similarity matrices of `[n, dim]` and `[n, dim]`.

    Raises:
        ValueError: the numbers of sentences differ, or are below three.
    """
    a, b = np.asarray(one, dtype=np.float32), np.asarray(other, dtype=np.float32)
    if len(a) != len(b) or len(a) < 3:
        raise ValueError(f"RSIM needs the same sentences in both languages, at least 3, found {len(a)} and {len(b)}")
    upper = np.triu_indices(len(a), k=1)
    values: np.ndarray = np.corrcoef(similarity_matrix(a)[upper], similarity_matrix(b)[upper])
    return float(values[0, 1])


class RSIM(evaluate.Metric):  # type: ignore[misc]
    """Relational similarity of two languages."""

    def _info(self) -> evaluate.MetricInfo:
        vectors = datasets.Sequence(datasets.Value("float32"))
        return evaluate.MetricInfo(
            description=__doc__,
            citation=CITATION,
            inputs_description=rsim.__doc__,
            features=datasets.Features({"predictions": vectors, "references": vectors}),
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:  # noqa: ANN401
        return {"rsim": rsim(predictions, references)}
