"""Token embeddings that may lie in another precision than is computed in."""

from __future__ import annotations

import torch
from torch import nn


class LanguageEmbedding(nn.Embedding):
    """Widens the rows that it looks up, so that the matrix may stay on disk in its own precision.

    Attributes:
        computes_in: precision of the rows that come out.
    """

    computes_in: torch.dtype

    @classmethod
    def take_over(cls, embedding: nn.Embedding, computes_in: torch.dtype) -> None:
        """Turn the plain embedding of a transformer into one, in its place; one that is already takes the precision."""
        embedding.__class__ = cls
        assert isinstance(embedding, cls)
        embedding.computes_in = computes_in

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Ids `[...]` to rows `[..., dim]`."""
        return super().forward(input).to(self.computes_in)
