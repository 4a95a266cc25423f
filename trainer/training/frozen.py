"""Dense layers that stand still while something around them is trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from adapters_hub.base.packing import pack, packed_linear


class FrozenDense(nn.Linear):
    """A frozen dense layer in the precision of autocast, its weight packed for both directions where that pays.

    Without it autocast casts the weight anew in every pass, and oneDNN lays it out anew in every product.
    """

    forth: torch.Tensor | None
    back: torch.Tensor | None

    @classmethod
    def take_over(cls, layer: nn.Linear, dtype: torch.dtype) -> FrozenDense:
        """Turn a dense layer into one, in its place."""
        layer.to(dtype)
        layer.__class__ = cls
        assert isinstance(layer, cls)
        layer.forth, layer.back = pack(layer.weight), pack(layer.weight.T)
        return layer

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """`[..., in]` to `[..., out]`."""
        if self.forth is None or not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        output: torch.Tensor = _Frozen.apply(input, self)  # type: ignore[no-untyped-call]
        return output


def product(layer: nn.Linear, rows: torch.Tensor) -> torch.Tensor:
    """What a frozen layer makes of `[n, in]`, in their precision and without autograd: `[n, out]`."""
    if isinstance(layer, FrozenDense) and layer.forth is not None and rows.dtype == layer.weight.dtype:
        return packed_linear(rows, layer.forth, layer.bias)
    return linear(rows, layer.weight.to(rows.dtype), None if layer.bias is None else layer.bias.to(rows.dtype))


def gradient_of_input(layer: nn.Linear, gradient: torch.Tensor) -> torch.Tensor:
    """Of a frozen layer, from that of its output: `[n, out]` to `[n, in]`."""
    if isinstance(layer, FrozenDense) and layer.back is not None and gradient.dtype == layer.weight.dtype:
        return packed_linear(gradient, layer.back, None)
    return gradient @ layer.weight.to(gradient.dtype)


class _Frozen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, layer: FrozenDense) -> torch.Tensor:  # noqa: ANN401
        ctx.layer, ctx.dtype = layer, x.dtype
        return product(layer, x.reshape(-1, x.shape[-1]).to(layer.weight.dtype)).view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:  # noqa: ANN401
        rows = gradient.reshape(-1, gradient.shape[-1]).to(ctx.layer.weight.dtype)
        return gradient_of_input(ctx.layer, rows).view(*gradient.shape[:-1], -1).to(ctx.dtype), None
