"""The 2-D map: principal components of all compositions together, so that their maps can be compared."""

from __future__ import annotations

import numpy as np


def project(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project the vectors of all compositions on the first two principal components of all of them together.

    Args:
        vectors: `[columns, n, dim]`.

    Returns:
        Points `[columns, n, 2]`, and the share of the variance that each component explains, `[2]`.
    """
    columns, count, dimension = vectors.shape
    flat = vectors.reshape(columns * count, dimension).astype(np.float64)
    flat = flat - flat.mean(axis=0, keepdims=True)
    _, sizes, directions = np.linalg.svd(flat, full_matrices=False)
    directions = directions[:2]
    # The sign of a component is arbitrary: making the largest weight positive keeps a map from flipping.
    for direction in directions:
        if direction[np.argmax(np.abs(direction))] < 0:
            direction *= -1
    points = np.zeros((columns * count, 2))
    points[:, : len(directions)] = flat @ directions.T
    shares = np.zeros(2)
    total = float((sizes**2).sum())
    if total > 0:
        shares[: len(directions)] = sizes[:2] ** 2 / total
    return points.reshape(columns, count, 2), shares
