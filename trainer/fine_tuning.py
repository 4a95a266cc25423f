"""Full fine-tuning: every parameter of an encoder is trained, on pairs of one or of two languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from trainer.losses import cosine_loss
from trainer.sentence_encoding import SentenceEncodingTrainer


class FineTuningTrainer(SentenceEncodingTrainer):
    """Contrastive on paraphrases, cosine on translations; the trained encoder encodes both sides.

    Args:
        kinds: what each part of the rows is: `paraphrase` or `parallel`.
        arguments: those of `SentenceEncodingTrainer`.
    """

    def __init__(self, *args: Any, kinds: Sequence[str], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, kinds=kinds, **kwargs)

    def vector_loss(self, vectors: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """The loss of a batch of one kind, of `[anchors, positives, hard negatives]`."""
        if self.kinds[int(batch["part"][0])] == "paraphrase":
            return super().vector_loss(vectors, batch)
        count = len(batch["anchor_key"])
        return cosine_loss(vectors[:count], vectors[count : 2 * count])
