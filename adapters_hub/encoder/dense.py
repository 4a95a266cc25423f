"""A dense layer that changes with the language."""

from __future__ import annotations

import torch
from torch import nn

from adapters_hub.base.packing import packed_linear


class LanguageDense(nn.Linear):
    """A dense layer with the weight of a language, or with the base's and a language's LoRA beside it.

    Attributes:
        packed: the weight in the processor's layout, from `pack`; None: `weight` is used.
        low_rank: `a [in, rank]` and `b [rank, out]`, for `x a b` to be added; None: nothing is.
    """

    packed: torch.Tensor | None
    low_rank: tuple[torch.Tensor, torch.Tensor] | None

    @classmethod
    def take_over(cls, layer: nn.Linear) -> LanguageDense:
        """Turn a layer of a transformer into one, in its place."""
        layer.__class__ = cls
        assert isinstance(layer, cls)
        layer.packed = layer.low_rank = None
        return layer

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """`[..., in]` to `[..., out]`."""
        output = super().forward(input) if self.packed is None else packed_linear(input, self.packed, self.bias)
        if self.low_rank is None:
            return output
        a, b = self.low_rank
        rows = output.view(-1, output.shape[-1])
        return torch.addmm(rows, input.reshape(-1, input.shape[-1]) @ a, b).view(output.shape)
