"""Low-rank adapters in PEFT's own format: read, write, and the weight change they stand for.

Training injects them with PEFT; inference adds `scaling * B @ A` to a copy of the pristine weights, because merging
and unmerging in place drifts. Source: Hu et al. 2022, LoRA.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import nn

from adapters_hub.errors import ModuleFormatError
from adapters_hub.format import ADAPTER_FILES
from adapters_hub.modules.tensors import halved, read_config, read_tensors

if TYPE_CHECKING:
    from peft import LoraConfig  # which who trains has; encoding does without

_PREFIX = "base_model.model."
_CONFIG, _WEIGHTS = ADAPTER_FILES
# Options of PEFT that change what a LoRA computes and that a weight change `scaling * B @ A` does not cover.
_UNSUPPORTED = ("use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "lora_bias", "trainable_token_indices")


@dataclass(frozen=True)
class LoRA:
    """Low-rank changes to some dense layers.

    Attributes:
        factors: module name to `(A [rank, in], B [out, rank])`, float32 on the CPU.
        scaling: `alpha / rank`, or `alpha / sqrt(rank)` for rank-stabilised LoRA.
    """

    factors: dict[str, tuple[torch.Tensor, torch.Tensor]]
    scaling: float

    @classmethod
    def read(cls, folder: Path) -> LoRA:
        """Read a PEFT adapter folder.

        Raises:
            ModuleFormatError: not a LoRA, damaged, or with options that are not supported.
        """
        config = read_config(folder / _CONFIG)
        if config.get("peft_type") != "LORA":
            raise ModuleFormatError(f"{folder}: expected peft_type 'LORA', found {config.get('peft_type')!r}")
        used = [option for option in _UNSUPPORTED if config.get(option)]
        if used or config.get("bias", "none") != "none":
            raise ModuleFormatError(f"{folder}: LoRA option {(used or ['bias'])[0]!r} is not supported")
        rank, alpha = config.get("r"), config.get("lora_alpha")
        if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float):
            raise ModuleFormatError(f"{folder}: adapter_config.json has no usable r and lora_alpha")
        factors = _pair(folder, read_tensors(folder / _WEIGHTS))
        for name, (a, _) in factors.items():
            if a.shape[0] != rank:
                raise ModuleFormatError(f"{folder}: {name!r} has rank {a.shape[0]}, adapter_config.json says {rank}")
        return cls(factors, _scaling(config, rank, alpha))

    def check_fits(self, backbone: nn.Module, folder: Path) -> None:
        """Refuse a LoRA whose layers the backbone does not have.

        Raises:
            ModuleFormatError: a layer is unknown or has another shape.
        """
        layers = dict(backbone.named_modules())
        for name, (a, b) in self.factors.items():
            layer = layers.get(name)
            if not isinstance(layer, nn.Linear):
                raise ModuleFormatError(f"{folder}: the base has no dense layer {name!r}: made for another base?")
            if (b.shape[0], a.shape[1]) != tuple(layer.weight.shape):
                raise ModuleFormatError(
                    f"{folder}: {name!r} changes a weight of {[b.shape[0], a.shape[1]]}, "
                    f"the base has {list(layer.weight.shape)}"
                )


def stack_loras(loras: Iterable[LoRA]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Several LoRAs as one: their ranks add up, so that `B @ A` is the sum of their weight changes.

    Returns:
        Module name to `(A [rank, in], B [out, rank])`, float32, the scaling folded into `B`.
    """
    parts: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}
    for lora in loras:
        for name, (a, b) in lora.factors.items():
            parts.setdefault(name, []).append((a.float(), b.float() * lora.scaling))
    return {
        name: (torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs], 1)) for name, pairs in parts.items()
    }


def write_lora(folder: Path, config: LoraConfig, state: dict[str, torch.Tensor]) -> None:
    """Write a LoRA so that plain `PeftModel.from_pretrained` loads it; in half precision, see `halved`.

    Args:
        folder: made if missing.
        config: as it was injected.
        state: `get_peft_model_state_dict` of the injected model. Its names lack the prefix that a `PeftModel` looks
            for; without it PEFT would load nothing, and say nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config.inference_mode = True
    config.save_pretrained(str(folder))
    tensors = {_PREFIX + name: tensor for name, tensor in state.items()}
    save_file(halved(tensors), folder / _WEIGHTS, metadata={"format": "pt"})


def _scaling(config: dict[str, Any], rank: int, alpha: float) -> float:
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _pair(folder: Path, tensors: dict[str, torch.Tensor]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    halves: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        layer, _, half = name.removeprefix(_PREFIX).removesuffix(".weight").rpartition(".")
        if half not in ("lora_A", "lora_B") or tensor.ndim != 2:
            raise ModuleFormatError(f"{folder}: unexpected tensor {name!r} {list(tensor.shape)} in a LoRA")
        halves.setdefault(layer, {})[half] = tensor
    for layer, pair in halves.items():
        if len(pair) != 2 or pair["lora_A"].shape[0] != pair["lora_B"].shape[1]:
            raise ModuleFormatError(f"{folder}: the two factors of {layer!r} do not fit")
    return {layer: (pair["lora_A"], pair["lora_B"]) for layer, pair in halves.items()}
