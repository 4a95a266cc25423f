"""SE: paraphrases, or the relations among sentences, train the sentence LoRA of a language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from trainer.embedding_trainer import EmbeddingTrainer
from trainer.losses import contrastive_loss, gather, relational_loss
from trainer.pivot import Vectors

COLUMNS = ("anchor", "positive", "negative")
RELATIONAL_COLUMNS = ("teacher", "anchor", "negative")
"""The teacher's sentence and its translation; a third column is not looked at."""
KINDS = {
    "contrastive": ("contrastive",),
    "relational": ("relational",),
    "both": ("contrastive", "relational"),
}


class SentenceEncodingTrainer(EmbeddingTrainer):
    """Contrastive over in-batch negatives and hard negatives, relational, or batches of both in turn.

    Args:
        kinds: what each part of the rows is: `contrastive` or `relational`.
        teachers: `[rows, dim]` from `KeptVectors` for each part that is relational, None for others;
            without it, no part is.
        scale: factor of the cosine similarities.
        gradient_cache: see `EmbeddingTrainer`.
        arguments: those of `PhaseTrainer`.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        kinds: Sequence[str] = ("contrastive",),
        teachers: Sequence[Vectors | np.ndarray | None] | None = None,
        scale: float,
        gradient_cache: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kinds = tuple(kinds)
        self.teachers = list(teachers) if teachers else [None] * len(self.kinds)
        self.scale = scale
        self.gradient_cache = gradient_cache

    def vector_loss(self, vectors: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """The loss of a batch: of `[anchors, positives, hard negatives]`, or of `[anchors]` alone if relational."""
        part = int(batch["part"][0])
        count = len(batch["anchor_key"])
        teacher = self.teachers[part]
        if teacher is not None:
            targets = torch.from_numpy(teacher[batch["row"].cpu().numpy()]).to(vectors.device)
            return relational_loss(gather(vectors), gather(targets), self.scale)
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
