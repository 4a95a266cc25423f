"""The parallel bottleneck: what an alignment adapter adds beside every feed-forward sub-layer.

Source: He et al. 2022, Towards a Unified View of Parameter-Efficient Transfer Learning (parallel adapter). The default
settings are those of AdapterHub's `ParBnConfig`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from adapters_hub.base.architectures import Architecture
from adapters_hub.errors import ModuleFormatError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER_TYPE = "parallel_bottleneck"

_WIDEST = 1 << 16
_MOST_LAYERS = 512
_LARGEST_SCALING = 1e4


def _activations() -> dict[str, Any]:
    # Imported when needed, because it takes seconds that commands without an adapter can save.
    from transformers.activations import ACT2FN

    return cast(dict[str, Any], ACT2FN)


@dataclass(frozen=True)
class BottleneckConfig:
    """Shape and settings of the bottlenecks of one encoder.

    Attributes:
        hidden_size: width of the encoder.
        num_layers: number of blocks, one bottleneck each.
        reduction_factor: `hidden_size / reduction_factor` is the width of the bottleneck.
        non_linearity: an activation, by its name in `transformers.activations.ACT2FN`.
        scaling: factor by which the delta is multiplied.
    """

    hidden_size: int
    num_layers: int
    reduction_factor: float = 2.0
    non_linearity: str = "relu"
    scaling: float = 4.0
    adapter_type: str = ADAPTER_TYPE

    def __post_init__(self) -> None:
        if self.adapter_type != ADAPTER_TYPE:
            raise ModuleFormatError(f"expected adapter_type {ADAPTER_TYPE!r}, found {self.adapter_type!r}")
        if not isinstance(self.non_linearity, str) or self.non_linearity not in _activations():
            raise ModuleFormatError(f"non_linearity {self.non_linearity!r} is unknown to transformers")
        for name, most in (("hidden_size", _WIDEST), ("num_layers", _MOST_LAYERS)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
                raise ModuleFormatError(f"{name} must be a number from 1 to {most}, not {value!r}")
        for name, largest in (("scaling", _LARGEST_SCALING), ("reduction_factor", float(_WIDEST))):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= largest:
                raise ModuleFormatError(f"{name} must be a number of up to {largest:g}, not {value!r}")
        if not 1 <= self.bottleneck_size <= 16 * self.hidden_size:
            raise ModuleFormatError(
                f"reduction_factor {self.reduction_factor} with hidden_size {self.hidden_size} gives no usable "
                "bottleneck width"
            )

    @property
    def bottleneck_size(self) -> int:
        """Width of the bottleneck."""
        width = self.hidden_size / self.reduction_factor if self.reduction_factor > 0 else 0
        return int(min(width, _WIDEST * 16 + 1))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all tensors by name, without creating the tensors."""
        width, size = self.hidden_size, self.bottleneck_size
        one = {"down.weight": (size, width), "down.bias": (size,), "up.weight": (width, size), "up.bias": (width,)}
        return {f"layers.{layer}.{name}": shape for layer in range(self.num_layers) for name, shape in one.items()}


class ParallelBottleneck(nn.Module):
    """`scaling * up(act(down(x)))`: zero at the start, so that switching it on changes nothing until it is trained."""

    def __init__(self, width: int, size: int, non_linearity: str, scaling: float) -> None:
        super().__init__()
        self.down = nn.Linear(width, size)
        self.act = _activations()[non_linearity]
        self.up = nn.Linear(size, width)
        self.scaling = scaling
        nn.init.kaiming_uniform_(self.down.weight, a=5**0.5)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """The delta `[..., width]` for hidden states `[..., width]`."""
        return cast(torch.Tensor, self.up(self.act(self.down(hidden))) * self.scaling)


class Bottlenecks(nn.Module):
    """One parallel bottleneck for each block of an encoder."""

    def __init__(self, config: BottleneckConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(
            ParallelBottleneck(config.hidden_size, config.bottleneck_size, config.non_linearity, config.scaling)
            for _ in range(config.num_layers)
        )

    def attach(self, backbone: PreTrainedModel, architecture: Architecture) -> list[RemovableHandle]:
        """Add the deltas to the blocks of `backbone` from now on; if one block fails, none of them is changed.

        Returns:
            Handles; `.remove()` on each switches the deltas off again.
        """
        blocks = backbone.get_submodule(architecture.blocks)
        handles: list[RemovableHandle] = []
        try:
            for block, bottleneck in zip(cast(nn.ModuleList, blocks), self.layers, strict=True):
                handles += _attach_one(block, cast(ParallelBottleneck, bottleneck), architecture)
        except BaseException:
            for handle in handles:
                handle.remove()
            raise
        return handles

    def scale(self, factor: float) -> None:
        """Multiply the deltas by a factor, permanently."""
        with torch.no_grad():
            for layer in cast(Sequence[ParallelBottleneck], self.layers):
                layer.up.weight.mul_(factor)
                layer.up.bias.mul_(factor)


def blend(adapters: Sequence[tuple[Bottlenecks, float]]) -> Bottlenecks:
    """One `Bottlenecks` whose deltas are exactly the weighted sums of the deltas of several.

    The bottlenecks are placed side by side (their widths add up), and the weight and the scaling of each are folded
    into its part of the up-projection.

    Args:
        adapters: bottlenecks of the same encoder, each with its weight.

    Raises:
        ModuleFormatError: their non-linearities differ.
    """
    first = adapters[0][0].config
    if len(adapters) == 1 and adapters[0][1] == 1.0:
        return adapters[0][0]
    if any(adapter.config.non_linearity != first.non_linearity for adapter, _ in adapters):
        raise ModuleFormatError("alignment adapters with different non-linearities cannot be blended")
    size = sum(adapter.config.bottleneck_size for adapter, _ in adapters)
    config = BottleneckConfig(
        first.hidden_size, first.num_layers, first.hidden_size / size, first.non_linearity, scaling=1.0
    )
    blended = Bottlenecks(config)
    with torch.no_grad():
        for index, layer in enumerate(cast(Sequence[ParallelBottleneck], blended.layers)):
            parts = [
                (cast(ParallelBottleneck, adapter.layers[index]), weight * adapter.config.scaling)
                for adapter, weight in adapters
            ]
            layer.down = _linear(
                torch.cat([part.down.weight for part, _ in parts]), torch.cat([part.down.bias for part, _ in parts])
            )
            layer.up = _linear(
                torch.cat([part.up.weight * factor for part, factor in parts], dim=1),
                torch.stack([part.up.bias * factor for part, factor in parts]).sum(0),
            )
    return blended.requires_grad_(False).eval()


def _linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device, dtype=weight.dtype)
    linear.weight.copy_(weight)
    linear.bias.copy_(bias)
    return linear


def _attach_one(block: nn.Module, bottleneck: ParallelBottleneck, architecture: Architecture) -> list[RemovableHandle]:
    output = block.get_submodule(architecture.ffn_output)
    if architecture.bottleneck == "residual":
        # Post-LN: `output(hidden, residual)` ends in LayerNorm(dense(hidden) + residual).
        def add_to_residual(_module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            hidden, residual = args
            return hidden, residual + bottleneck(residual)

        return [output.register_forward_pre_hook(add_to_residual)]

    # Pre-LN: one module receives the sub-layer's input, and another one (or the same) gives its output.
    seen: list[torch.Tensor] = []

    def keep_input(_module: nn.Module, args: tuple[Any, ...]) -> None:
        seen[:] = [args[0]]

    def add_to_output(_module: nn.Module, _args: tuple[Any, ...], result: torch.Tensor) -> torch.Tensor:
        return result + cast(torch.Tensor, bottleneck(seen.pop()))

    return [
        block.get_submodule(architecture.ffn_input).register_forward_pre_hook(keep_input),
        output.register_forward_hook(add_to_output),
    ]
