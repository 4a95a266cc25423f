"""FOCUS: initialise the embeddings of a new vocabulary from those of the base.

The embedding of a token in both vocabularies is copied. That of any other token is a sparse convex combination of
copied ones: of tokens near it in an auxiliary space (fastText vectors trained on the tokenized text), weighted by
sparsemax over the cosine similarities.

References:
    Dobler & de Melo 2023, FOCUS: Effective Embedding Initialization for Monolingual Specialization of Multilingual
    Models, section 3. Martins & Astudillo 2016, From Softmax to Sparsemax, algorithm 1.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch.nn.functional import normalize

logger = logging.getLogger(__name__)

_BATCH = 256


def sparsemax(scores: torch.Tensor) -> torch.Tensor:
    """Euclidean projection of each row of `[n, m]` onto the probability simplex: most weights become exactly 0."""
    ordered, _ = scores.sort(dim=-1, descending=True)
    sums = ordered.cumsum(dim=-1) - 1
    ranks = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=scores.dtype)
    support = (ordered * ranks > sums).sum(dim=-1, keepdim=True)
    threshold = sums.gather(-1, support - 1) / support
    return (scores - threshold).clamp(min=0)


def focus(
    source_tokens: dict[str, int],
    source: torch.Tensor,
    target_tokens: dict[str, int],
    auxiliary: np.ndarray,
    seed: int,
) -> tuple[torch.Tensor, dict[str, int]]:
    """Compute embeddings for a new vocabulary.

    Args:
        source_tokens: the row of each token in `source`.
        source: `[source vocabulary, d]`, the values to transfer: embeddings, possibly with further columns such as the
            output bias.
        target_tokens: the row of each token in the result.
        auxiliary: `[target vocabulary, a]`, vectors for comparing target tokens.
        seed: seed for tokens without an auxiliary vector; their embeddings are drawn from a normal distribution with
            the mean and standard deviation of each column of `source`.

    Returns:
        `[target vocabulary, d]`, and the numbers of copied, combined and drawn tokens.
    """
    size = max(target_tokens.values()) + 1
    shared = sorted((row, source_tokens[token]) for token, row in target_tokens.items() if token in source_tokens)
    copied_rows = torch.tensor([row for row, _ in shared], dtype=torch.long)
    copied = source[torch.tensor([row for _, row in shared], dtype=torch.long)].float()

    result = torch.empty(size, source.shape[1])
    deviation, mean = torch.std_mean(source.float(), dim=0)
    result.copy_(torch.randn(result.shape, generator=torch.Generator().manual_seed(seed)) * deviation + mean)
    result[copied_rows] = copied

    space = normalize(torch.from_numpy(auxiliary).float(), dim=-1)
    known = space.any(dim=-1)
    anchors = known[copied_rows]
    new = torch.ones(size, dtype=torch.bool)
    new[copied_rows] = False
    combined = torch.nonzero(new & known).flatten() if anchors.any() else torch.empty(0, dtype=torch.long)
    for rows in torch.split(combined, _BATCH):
        weights = sparsemax(space[rows] @ space[copied_rows[anchors]].T)
        result[rows] = weights @ copied[anchors]
    counts = {"copied": len(copied_rows), "combined": len(combined), "drawn": size - len(copied_rows) - len(combined)}
    logger.info("FOCUS: %(copied)d tokens copied, %(combined)d combined, %(drawn)d drawn at random", counts)
    return result, counts
