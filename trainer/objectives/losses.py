"""Losses over sentence vectors, in float32; gathered over all processes they equal those on a single process."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch.nn.functional import cosine_similarity, cross_entropy, normalize


def contrastive_loss(
    anchors: torch.Tensor,
    positives: torch.Tensor,
    negatives: torch.Tensor,
    *,
    anchor_keys: torch.Tensor,
    positive_keys: torch.Tensor,
    negative_keys: torch.Tensor,
    has_negative: torch.Tensor,
    scale: float = 20.0,
) -> torch.Tensor:
    """Multiple-negatives ranking loss with optional hard negatives.

    Each anchor must find its positive among all positives and hard negatives of the batch. Candidates with the same
    text as the anchor or its positive do not count as negatives.

    Args:
        anchors: `[n, dim]`.
        positives: `[n, dim]`.
        negatives: `[n, dim]`; values in rows without a hard negative are ignored.
        anchor_keys: `[n]`, equal for equal texts, like the other keys.
        positive_keys: `[n]`.
        negative_keys: `[n]`.
        has_negative: `[n]`, whether a row has a hard negative.
        scale: factor of the cosine similarities.

    Returns:
        The mean loss, a scalar in float32.

    References:
        Henderson et al. 2017, Efficient Natural Language Response Suggestion for Smart Reply, section 4.4.
    """
    anchors, positives, negatives = (normalize(x.float(), dim=-1) for x in (anchors, positives, negatives))
    same_text = _equal(positive_keys, positive_keys) | _equal(anchor_keys, anchor_keys)
    same_text |= _equal(anchor_keys, positive_keys) | _equal(positive_keys, anchor_keys)
    same_text.fill_diagonal_(False)
    not_a_negative = _equal(anchor_keys, negative_keys) | _equal(positive_keys, negative_keys) | ~has_negative[None, :]
    to_positives = (anchors @ positives.T * scale).masked_fill(same_text, float("-inf"))
    to_negatives = (anchors @ negatives.T * scale).masked_fill(not_a_negative, float("-inf"))
    target = torch.arange(len(anchors), device=anchors.device)
    return cross_entropy(torch.cat([to_positives, to_negatives], dim=1), target)


def cosine_loss(vectors: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean of `1 - cos(vector, target)` over `[n, dim]` and `[n, dim]`: a scalar in float32."""
    return (1 - cosine_similarity(vectors.float(), targets.float(), dim=-1)).mean()


def relational_loss(vectors: torch.Tensor, targets: torch.Tensor, scale: float = 20.0) -> torch.Tensor:
    """Mean squared difference between the similarities within a batch and those between its translations.

    The loss does not pull a sentence to its translation: it teaches how similar the sentences are to each other.

    Args:
        vectors: `[n, dim]`.
        targets: `[n, d]`, constant vectors of the same sentences in another language (or by another encoder).
        scale: factor of the cosine similarities.

    Returns:
        A scalar in float32, the mean over the `n * (n - 1)` pairs; 0 for a single sentence.

    References:
        Park et al. 2019, Relational Knowledge Distillation, section 3.2.1 (there with distances).
    """
    vectors, targets = normalize(vectors.float(), dim=-1), normalize(targets.float(), dim=-1)
    difference = (vectors @ vectors.T - targets @ targets.T) * scale
    others = ~torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    return (difference * others).square().sum() / max(len(vectors) * (len(vectors) - 1), 1)


def graded_loss(
    vectors: torch.Tensor, targets: torch.Tensor, scale: float = 20.0, relations: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean squared difference between the cross-lingual similarities and those within the pivot.

    A sentence should be as close to every pivot sentence as its translation is: as close as possible to the translation
    itself, and to other sentences by their degree of similarity.

    Args:
        vectors: `[n, dim]`.
        targets: `[n, dim]`, constant vectors of the translations in the pivot.
        scale: factor of the cosine similarities.
        relations: `[n, d]`, constant vectors by another encoder, which define the similarities between the
            translations; by default `targets`.

    Returns:
        A scalar in float32, the mean over the `n * n` pairs.
    """
    vectors, targets = normalize(vectors.float(), dim=-1), normalize(targets.float(), dim=-1)
    relations = targets if relations is None else normalize(relations.float(), dim=-1)
    return ((vectors @ targets.T - relations @ relations.T) * scale).square().mean()


def gather(values: torch.Tensor) -> torch.Tensor:
    """Gather the values of all processes: `[n, …]` to `[processes * n, …]`, in the order of a single process's batch.

    Every process then computes the loss over all rows. The gradient reaches only the local rows and is scaled by the
    number of processes, so that averaging over processes gives the gradient of a single process with all rows.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return values
    if values.dtype == torch.bool:  # not every backend can send booleans
        return gather(values.to(torch.uint8)).bool()
    parts = [torch.empty_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, values.detach().contiguous())
    if values.requires_grad:
        parts[dist.get_rank()] = _ScaleGradient.apply(values, float(dist.get_world_size()))  # type: ignore[no-untyped-call]
    return torch.cat(parts)


class _ScaleGradient(torch.autograd.Function):
    """The identity, with its gradient multiplied by a factor."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, factor: float) -> torch.Tensor:  # noqa: ANN401
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:  # noqa: ANN401
        return gradient * ctx.factor, None


def _equal(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    return rows[:, None] == columns[None, :]
