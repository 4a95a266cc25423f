"""Dropout that is cheap on a CPU.

torch draws one random number for every element, one after the other, which takes a tenth of a training step. Here four
elements share a draw of 64 bits, 16 for each, so that the probability is a multiple of 1/65,536.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from transformers import PreTrainedModel

from adapters_hub.base.attention import BATCHED_PRODUCTS, register_attention

_LEVELS = 1 << 16
_ATTENTION = "batched_products_cheap_dropout"


class CheapDropout(nn.Dropout):
    """`nn.Dropout` that draws fewer random numbers on a CPU, where torch draws them one by one."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Zero elements with probability `p` and scale the others by `1 / (1 - p)`; the identity in evaluation."""
        if not self.training or not 0 < self.p < 1 or input.device.type != "cpu":
            return super().forward(input)
        return _cheap(input, self.p)


def _cheap(values: torch.Tensor, p: float) -> torch.Tensor:
    dropped: torch.Tensor = _Drop.apply(values, p)  # type: ignore[no-untyped-call]
    return dropped


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, p: float) -> torch.Tensor:  # noqa: ANN401
        dropped = round(p * _LEVELS)
        draws = torch.empty(math.ceil(values.numel() / 4), dtype=torch.int64).random_(-(1 << 63), None)
        shares = draws.view(torch.int16)[: values.numel()].view(values.shape)
        # The mask has the values' type, because a product with bools is many times slower.
        kept = torch.ge(shares, dropped - _LEVELS // 2, out=torch.empty_like(shares, dtype=values.dtype))
        kept.mul_(1 / (1 - dropped / _LEVELS))
        ctx.save_for_backward(kept)
        return values * kept

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:  # noqa: ANN401
        (kept,) = ctx.saved_tensors
        return gradient * kept, None


def set_dropout(model: nn.Module, p: float | None) -> None:
    """Set the dropout probability of a model; None keeps the one that the base was trained with."""
    for module in model.modules() if p is not None else ():
        if isinstance(module, nn.Dropout):
            module.p = p  # type: ignore[assignment]
        for name in (
            "dropout",
            "attention_dropout",
            "activation_dropout",
        ):  # layers that store the probability as a number
            if isinstance(getattr(module, name, None), int | float):
                setattr(module, name, p)


def with_cheap_dropout(model: nn.Module) -> None:
    """Replace every `nn.Dropout` of a model, and the dropout of its attention weights, by `CheapDropout`."""
    for transformer in model.modules():
        if isinstance(transformer, PreTrainedModel) and transformer.config._attn_implementation == BATCHED_PRODUCTS:
            transformer.set_attn_implementation(_ATTENTION)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, CheapDropout(child.p))


register_attention(_ATTENTION, _cheap)
