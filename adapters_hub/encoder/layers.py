"""Layers of a transformer that take the weights of a language, in place of its own layers."""

from __future__ import annotations

import torch
from torch import nn

from adapters_hub.base.packing import packed_linear


class LanguageDense(nn.Linear):
    """A dense layer with the merged weight of a language, or with the base's weight and a LoRA beside it.

    Attributes:
        packed: the weight in oneDNN's layout, from `pack`; if None, `weight` is used.
        low_rank: `a [in, rank]` and `b [rank, out]` of a LoRA, which adds `x a b`; None adds nothing.
    """

    def __init__(self, layer: nn.Linear) -> None:
        self.__dict__.update(layer.__dict__)  # its own parameters and hooks stay, with their names
        self.packed: torch.Tensor | None = None
        self.low_rank: tuple[torch.Tensor, torch.Tensor] | None = None

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Apply the layer: `[..., in]` to `[..., out]`."""
        output = super().forward(input) if self.packed is None else packed_linear(input, self.packed, self.bias)
        if self.low_rank is None:
            return output
        a, b = self.low_rank
        rows = output.view(-1, output.shape[-1])
        return torch.addmm(rows, input.reshape(-1, input.shape[-1]) @ a, b).view(output.shape)


class LanguageEmbedding(nn.Embedding):
    """An embedding that converts the rows it looks up, so that the matrix may stay on disk in its own precision."""

    def __init__(self, embedding: nn.Embedding, computes_in: torch.dtype) -> None:
        self.__dict__.update(embedding.__dict__)  # its own matrix and hooks stay
        self.computes_in = computes_in

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The rows `[..., width]` for token ids `[...]`."""
        return super().forward(input).to(self.computes_in)
