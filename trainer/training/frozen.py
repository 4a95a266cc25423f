"""Dense layers that are frozen while other parameters are trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from adapters_hub.base.packing import pack, packed_linear


class FrozenDense(nn.Linear):
    """A frozen dense layer in autocast's precision, with its weight packed for oneDNN where that is faster.

    Both the weight and its transpose are packed, for the forward and the backward pass. A plain layer is slower:
    autocast casts its weight in every pass, and oneDNN changes the weight's layout for every product.

    Args:
        layer: the layer whose place it takes and whose parameters it keeps, in another precision.
        dtype: autocast's precision.
    """

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        layer.to(dtype)
        self.__dict__.update(layer.__dict__)  # its parameters, and its hooks: an alignment adapter may hang on them
        self.forth, self.back = pack(layer.weight), pack(layer.weight.T)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """`[..., in]` to `[..., out]`."""
        if self.forth is None or not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        output: torch.Tensor = _Frozen.apply(input, self)  # type: ignore[no-untyped-call]
        return output


def product(layer: nn.Linear, rows: torch.Tensor) -> torch.Tensor:
    """The output `[n, out]` of a frozen layer for rows `[n, in]`, in the rows' precision and without autograd."""
    if isinstance(layer, FrozenDense) and layer.forth is not None and rows.dtype == layer.weight.dtype:
        return packed_linear(rows, layer.forth, layer.bias)
    return linear(rows, layer.weight.to(rows.dtype), None if layer.bias is None else layer.bias.to(rows.dtype))


def gradient_of_input(layer: nn.Linear, gradient: torch.Tensor) -> torch.Tensor:
    """The gradient `[n, in]` of a frozen layer's input, from the gradient `[n, out]` of its output."""
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
