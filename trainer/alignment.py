"""CLA: a parallel bottleneck brings a language to the pivot, whose vectors stand still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from trainer.embedding_trainer import EmbeddingTrainer
from trainer.losses import contrastive_loss, cosine_loss, gather, graded_loss, relational_loss
from trainer.pivot import Vectors
from trainer.sentence_encoding import spread

COLUMNS = ("pivot", "target", "negative")
KINDS = {
    "both": ("paraphrase", "parallel"),
    "paraphrase": ("paraphrase",),
    "parallel": ("parallel",),
    "graded": ("graded",),
    "balanced": ("graded", "parallel"),
}
SOURCES = {"paraphrase": "paraphrase", "parallel": "parallel", "graded": "parallel"}
"""Which section of the settings has the pairs of a kind."""


class AlignmentTrainer(EmbeddingTrainer):
    """Alternates batches of two kinds, or takes one: paraphrases (contrastive), translations (cosine), graded.

    Args:
        kinds: what each part of the rows is: `paraphrase`, `parallel` or `graded`.
        pivots: `[rows, dim]` for each part, from `KeptVectors`.
        scale: factor of the cosine similarities.
        gradient_cache: see `EmbeddingTrainer`.
        arguments: those of `PhaseTrainer`.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        kinds: Sequence[str],
        pivots: Sequence[Vectors | np.ndarray],
        scale: float,
        gradient_cache: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kinds = tuple(kinds)
        self.pivots = list(pivots)
        self.scale = scale
        self.gradient_cache = gradient_cache

    def vector_loss(self, vectors: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """The loss of a batch of one kind, from the target sentences' vectors."""
        part = int(batch["part"][0])
        count = len(batch["row"])
        pivots = torch.from_numpy(self.pivots[part][batch["row"].cpu().numpy()]).to(vectors.device)
        if self.kinds[part] == "parallel":
            return cosine_loss(vectors[:count], pivots)
        if self.kinds[part] == "graded":
            own, targets = gather(vectors[:count]), gather(pivots)
            # Across languages alone, sentences lose their places among those of their own language.
            return graded_loss(own, targets, self.scale) + relational_loss(own, targets, self.scale)
        return contrastive_loss(
            gather(pivots),
            gather(vectors[:count]),
            gather(spread(vectors[count:], batch["has_negative"])),
            anchor_keys=gather(batch["pivot_key"]),
            positive_keys=gather(batch["target_key"]),
            negative_keys=gather(batch["negative_key"]),
            has_negative=gather(batch["has_negative"]),
            scale=self.scale,
        )
