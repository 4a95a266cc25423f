"""Token embeddings that may be stored in another precision than the encoder computes in."""

from __future__ import annotations

import torch
from torch import nn


class LanguageEmbedding(nn.Embedding):
    """An embedding that converts the rows it looks up, so that the matrix may stay on disk in its own precision.

    It takes the place of a transformer's plain embedding, and keeps that embedding's own matrix and hooks.

    Args:
        embedding: the transformer's embedding.
        computes_in: precision of the rows that it returns.
    """

    def __init__(self, embedding: nn.Embedding, computes_in: torch.dtype) -> None:
        self.__dict__.update(embedding.__dict__)  # its matrix, and its hooks
        self.computes_in = computes_in

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The rows `[..., width]` for token ids `[...]`."""
        return super().forward(input).to(self.computes_in)
