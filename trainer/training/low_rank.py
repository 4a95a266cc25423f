"""LoRA layers that read and write as little memory as possible.

PEFT adds `B(A(x)) * scaling` to the frozen layer's output in five operations that autograd records, and under autocast
it makes a float32 copy of `x`. Here forward and backward are implemented by hand, and the low-rank products are added
in place. PEFT still creates, names and saves the layers.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.lora import Linear as PeftLinear
from torch import nn
from torch.autograd.function import once_differentiable

from adapters_hub.base import BaseEncoder
from adapters_hub.modules import LoRA
from trainer.settings import SettingsError
from trainer.training.frozen import gradient_of_input, product


def lora_config(base: BaseEncoder, rank: int, alpha: int, dropout: float) -> LoraConfig:
    """PEFT's configuration for a LoRA on every dense layer of the blocks."""
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=base.architecture.lora_targets,
        # For a local folder only its name is recorded, because a published LoRA should not reveal local paths.
        base_model_name_or_path=base.source if base.hub_id else Path(base.source).name,
        task_type="FEATURE_EXTRACTION",
    )
    config._register_custom_module({nn.Linear: LowRankLinear})
    return config


def copy_lora(source: LoRA, backbone: nn.Module, name: str, config: LoraConfig) -> None:
    """Initialise an injected LoRA with the factors of another.

    Raises:
        SettingsError: the other LoRA has another rank or scaling, or is on other layers.
    """
    layers = {key: layer for key, layer in backbone.named_modules() if isinstance(layer, PeftLinear)}
    rank = len(next(iter(source.factors.values()))[0])
    if rank != config.r or not math.isclose(source.scaling, config.lora_alpha / config.r):
        raise SettingsError(
            f"a LoRA of rank {rank} and alpha {source.scaling * rank:g} cannot start one of rank {config.r} and alpha "
            f"{config.lora_alpha}: set lora.rank and lora.alpha to be the same"
        )
    if layers.keys() != source.factors.keys():
        raise SettingsError("the LoRA to start from is on other layers than the new one: choose another lora.start")
    for key, factors in source.factors.items():
        for part, factor in zip((layers[key].lora_A, layers[key].lora_B), factors, strict=True):
            weight = part[name].weight
            assert isinstance(weight, nn.Parameter)
            weight.data.copy_(factor)


class LowRankLinear(PeftLinear):
    """PEFT's LoRA layer over a dense layer, computed by one autograd function if one plain adapter is active."""

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
        """`[..., in]` to `x W^T + b + scaling x A^T B^T`, `[..., out]`."""
        name = self._plain_adapter()
        if name is None or args or kwargs:
            peft: torch.Tensor = super().forward(x, *args, **kwargs)
            return peft
        base = self.get_base_layer()
        output: torch.Tensor = _LowRank.apply(  # type: ignore[no-untyped-call]
            x, base, self.lora_A[name].weight, self.lora_B[name].weight, self.scaling[name]
        )
        return output

    def _plain_adapter(self) -> str | None:
        """The only active adapter if it has no variant, bias or dropout and the dense layer is frozen; else None."""
        active = [name for name in self.active_adapters if name in self.lora_A]
        if self.disable_adapters or self.merged or len(active) != 1 or self.get_base_layer().weight.requires_grad:
            return None
        name = active[0]
        special = name in self.lora_variant or self.lora_A[name].bias is not None or self.lora_B[name].bias is not None
        has_dropout = self.training and not isinstance(self.lora_dropout[name], nn.Identity)
        return None if special or has_dropout else str(name)


class _LowRank(torch.autograd.Function):
    """A frozen dense layer plus its low-rank update, with gradients for the input and both factors."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        x: torch.Tensor,
        layer: nn.Linear,
        a: torch.Tensor,
        b: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        rows = x.reshape(-1, x.shape[-1]).to(dtype)
        low_a, low_b = a.to(dtype), b.to(dtype)
        with torch.autocast(kind, enabled=False):
            output = product(layer, rows)
            inner = rows @ low_a.T
            output.addmm_(inner, low_b.T, alpha=scaling)
        ctx.save_for_backward(rows, inner, low_a, low_b)
        ctx.facts = layer, scaling, x.shape, x.dtype, a.dtype
        return output.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ANN401
        rows, inner, a, b = ctx.saved_tensors
        layer, scaling, shape, dtype, trained = ctx.facts
        with torch.autocast(gradient.device.type, enabled=False):
            gradient = gradient.reshape(-1, gradient.shape[-1]).to(rows.dtype)
            through = (gradient @ b).mul_(scaling)
            to_a = (through.T @ rows).to(trained)
            to_b = (gradient.T @ inner).mul_(scaling).to(trained)
            to_x = None
            if ctx.needs_input_grad[0]:
                to_x = gradient_of_input(layer, gradient).addmm_(through, a).view(shape).to(dtype)
        return to_x, None, to_a, to_b, None
