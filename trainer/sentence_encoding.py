"""SE: contrastive training on paraphrases trains the sentence LoRA of a language."""

from __future__ import annotations

from typing import Any

import torch

from trainer.embedding_trainer import EmbeddingTrainer
from trainer.losses import contrastive_loss, gather

COLUMNS = ("anchor", "positive", "negative")


class SentenceEncodingTrainer(EmbeddingTrainer):
    """Contrastive over in-batch negatives and hard negatives, from all processes.

    Args:
        scale: factor of the cosine similarities.
        gradient_cache: see `EmbeddingTrainer`.
        arguments: those of `PhaseTrainer`.
    """

    def __init__(self, *args: Any, scale: float, gradient_cache: bool, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.scale = scale
        self.gradient_cache = gradient_cache

    def vector_loss(self, vectors: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """Contrastive loss of `[anchors, positives, hard negatives]`."""
        count = len(batch["anchor_key"])
        negatives = spread(vectors[2 * count :], batch["has_negative"])
        return contrastive_loss(
            gather(vectors[:count]),
            gather(vectors[count : 2 * count]),
            gather(negatives),
            anchor_keys=gather(batch["anchor_key"]),
            positive_keys=gather(batch["positive_key"]),
            negative_keys=gather(batch["negative_key"]),
            has_negative=gather(batch["has_negative"]),
            scale=self.scale,
        )


def spread(negatives: torch.Tensor, has_negative: torch.Tensor) -> torch.Tensor:
    """Put the vectors `[m, dim]` of the hard negatives that exist into their rows of `[n, dim]`."""
    rows = torch.zeros(len(has_negative), negatives.shape[-1], device=negatives.device, dtype=negatives.dtype)
    return rows.masked_scatter(has_negative[:, None], negatives) if len(negatives) else rows
