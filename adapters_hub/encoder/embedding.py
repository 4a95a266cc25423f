"""Token embeddings that may be stored in another precision than the encoder computes in."""

from __future__ import annotations

import torch
from torch import nn


class LanguageEmbedding(nn.Embedding):
    """An embedding that converts the rows it looks up, so that the matrix may stay on disk in its own precision.

    Attributes:
        computes_in: precision of the rows that it returns.
    """

    computes_in: torch.dtype

    @classmethod
    def take_over(cls, embedding: nn.Embedding, computes_in: torch.dtype) -> None:
        """Turn a transformer's plain embedding into a `LanguageEmbedding`, in place, or set the precision of one."""
        embedding.__class__ = cls
        assert isinstance(embedding, cls)
        embedding.computes_in = computes_in

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The rows `[..., width]` for token ids `[...]`."""
        return super().forward(input).to(self.computes_in)
