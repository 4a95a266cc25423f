"""Token embeddings that may be stored in another precision than the encoder computes in."""

from __future__ import annotations

import torch
from torch import nn


class LanguageEmbedding(nn.Embedding):
    """An embedding that converts the rows it looks up, so that the matrix may stay on disk in its own precision.

    It takes the place of a transformer's plain embedding, and keeps that embedding's own matrix.

    Args:
        embedding: the transformer's embedding.
        computes_in: precision of the rows that it returns.
    """

    def __init__(self, embedding: nn.Embedding, computes_in: torch.dtype) -> None:
        super().__init__(embedding.num_embeddings, embedding.embedding_dim, embedding.padding_idx, device="meta")
        self.weight = embedding.weight
        self.train(embedding.training)
        self.computes_in = computes_in

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The rows `[..., width]` for token ids `[...]`."""
        return super().forward(input).to(self.computes_in)
