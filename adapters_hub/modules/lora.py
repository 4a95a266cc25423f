"""Low-rank adapters (LoRA) in PEFT's own format: reading, writing, and the weight changes that they stand for.

Training injects them with PEFT. Inference adds `scaling * B @ A` to a copy of the pristine weights, because rounding
errors would accumulate if LoRAs were merged and unmerged in place. Source: Hu et al. 2022, LoRA.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import nn

from adapters_hub.base.architectures import ARCHITECTURES
from adapters_hub.errors import ModuleFormatError
from adapters_hub.format import ADAPTER_FILES
from adapters_hub.modules.tensors import Shapes, finite_number, halved, read_config, read_tensors, require_finite

if TYPE_CHECKING:
    from peft import LoraConfig  # only training needs PEFT

_PREFIX = "base_model.model."
_CONFIG, _WEIGHTS = ADAPTER_FILES
# Options of PEFT that do not affect what a trained LoRA computes: training settings and notes.
_WITHOUT_EFFECT = frozenset(
    (
        "auto_mapping",
        "base_model_name_or_path",
        "inference_mode",
        "lora_dropout",
        "megatron_core",
        "peft_type",
        "peft_version",
        "qalora_group_size",
        "revision",
        "runtime_config",
        "task_type",
    )
)
# Supported options; each is checked where it is used.
_UNDERSTOOD = frozenset(["init_lora_weights", "lora_alpha", "r", "target_modules", "use_rslora"])
# With any other initialisation, PEFT changes the base's own weights when it loads a LoRA.
_INITIALISATIONS = (True, False, None, "gaussian")
_LARGEST_RANK = 8192
_LARGEST_SCALING = 1e4


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
    def read(cls, folder: Path, backbone: nn.Module | None = None) -> LoRA:
        """Read a PEFT adapter folder.

        Args:
            folder: the adapter's folder, as `write_lora` writes it.
            backbone: the transformer that the LoRA is for; if given, a LoRA that does not fit it is refused before its
                tensors are read.

        Raises:
            ModuleFormatError: the folder is damaged, holds no LoRA, or one with unsupported options.
        """
        config = read_config(folder / _CONFIG)
        if config.get("peft_type") != "LORA":
            raise ModuleFormatError(
                f"{folder}: expected peft_type 'LORA', found {config.get('peft_type')!r:.80}: fetch the module again"
            )
        _check_options(folder, config)
        rank = config.get("r")
        alpha = finite_number(config.get("lora_alpha"), _LARGEST_SCALING * _LARGEST_RANK)
        if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= _LARGEST_RANK or alpha is None:
            raise ModuleFormatError(
                f"{folder}: adapter_config.json has no usable r and lora_alpha (found {rank!r:.40} and "
                f"{config.get('lora_alpha')!r:.40}, expected a number from 1 to {_LARGEST_RANK} and another number): "
                "fetch the module again"
            )
        scaling = _scaling(config, rank, alpha)
        if abs(scaling) > _LARGEST_SCALING:
            raise ModuleFormatError(
                f"{folder}: adapter_config.json has no usable r and lora_alpha: they multiply the LoRA by {scaling:g}, "
                f"expected at most {_LARGEST_SCALING:g}: fetch the module again"
            )

        def check(shapes: Shapes) -> None:
            _check_targets(folder, config.get("target_modules"), _layers(folder, shapes))
            for name, (a, _) in _layers(folder, shapes).items():
                if a[0] != rank:
                    raise ModuleFormatError(
                        f"{folder}: {name!r} has rank {a[0]}, adapter_config.json says {rank}: fetch the module again"
                    )
            if backbone is not None:
                _check_layers(backbone, _layers(folder, shapes), folder)

        tensors = read_tensors(folder / _WEIGHTS, check)
        require_finite(tensors, folder / _WEIGHTS)
        factors = {
            layer: (tensors[f"{name}.lora_A.weight"], tensors[f"{name}.lora_B.weight"])
            for layer, name in _names(tensors).items()
        }
        return cls(factors, scaling)

    def check_fits(self, backbone: nn.Module, folder: Path) -> None:
        """Refuse a LoRA whose layers the backbone does not have.

        Raises:
            ModuleFormatError: a layer is unknown or has another shape.
        """
        _check_layers(backbone, {name: (a.shape, b.shape) for name, (a, b) in self.factors.items()}, folder)


def stack_loras(loras: Iterable[LoRA]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Combine several LoRAs into one: their ranks add up, so that `B @ A` is the sum of their weight changes.

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
    """Write a LoRA in half precision (see `halved`) so that plain `PeftModel.from_pretrained` loads it.

    Args:
        folder: the folder to write; it is created if missing.
        config: the configuration with which the LoRA was injected.
        state: `get_peft_model_state_dict` of the injected model. Its names lack the prefix that a `PeftModel` expects
            and that is added here; without it PEFT would silently load nothing.

    Raises:
        ModuleFormatError: the weights are not all finite, see `require_finite`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config.inference_mode = True
    config.save_pretrained(str(folder))
    tensors = {_PREFIX + name: tensor for name, tensor in state.items()}
    require_finite(tensors, folder)
    save_file(halved(tensors), folder / _WEIGHTS, metadata={"format": "pt"})


def _scaling(config: dict[str, Any], rank: int, alpha: float) -> float:
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _check_layers(backbone: nn.Module, shapes: Mapping[str, tuple[Sequence[int], Sequence[int]]], folder: Path) -> None:
    layers = dict(backbone.named_modules())
    for name, (a, b) in shapes.items():
        layer = layers.get(name)
        if not isinstance(layer, nn.Linear):
            raise ModuleFormatError(
                f"{folder}: the base has no dense layer {name!r:.200}, so this LoRA was made for another base: load it"
            )
        if (b[0], a[1]) != tuple(layer.weight.shape):
            raise ModuleFormatError(
                f"{folder}: {name!r} changes a weight of {[b[0], a[1]]}, the base has {list(layer.weight.shape)}: "
                "load the base that it was made for"
            )


def _check_options(folder: Path, config: dict[str, Any]) -> None:
    """Refuse options with which PEFT would compute something else than this library does."""
    for option, value in config.items():
        if option in _WITHOUT_EFFECT:
            continue
        if option in _UNDERSTOOD:
            fits = option != "init_lora_weights" or any(value is known or value == known for known in _INITIALISATIONS)
            fits = fits and (option != "use_rslora" or isinstance(value, bool))
        else:
            fits = not value or (option == "bias" and value == "none")
        if not fits:
            raise ModuleFormatError(
                f"{folder}: LoRA option {option!r:.80} is not supported as {value!r:.80}: train it without this option"
            )


def _check_targets(folder: Path, targets: object, layers: Iterable[str]) -> None:
    """Refuse a LoRA with layers that `target_modules` does not name, because PEFT would ignore them."""
    if isinstance(targets, str):
        # Only this library's own expressions are matched: others may take forever.
        known = targets in {architecture.lora_targets for architecture in ARCHITECTURES.values()}
        missed = [layer for layer in layers if not known or not re.fullmatch(targets, layer)]
        if targets == "all-linear":
            missed = []
    else:
        names = {name for name in targets if isinstance(name, str)} if isinstance(targets, list) else set()
        missed = [layer for layer in layers if not any(end in names for end in _ends(layer))]
    if missed:
        raise ModuleFormatError(
            f"{folder}: LoRA option 'target_modules' is not supported as {targets!r:.200}: it does not name "
            f"{missed[0]!r:.200}, or not in a supported way: list the names of the layers"
        )


def _ends(layer: str) -> Iterator[str]:
    parts = layer.split(".")
    return (".".join(parts[place:]) for place in range(len(parts)))


def _names(tensors: Iterable[str]) -> dict[str, str]:
    """The common part of the names of each layer's tensors, without `.lora_A.weight`, by layer."""
    names = {name.removesuffix(".weight").rpartition(".")[0] for name in tensors}
    return {name.removeprefix(_PREFIX): name for name in sorted(names)}


def _layers(folder: Path, shapes: Shapes) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """The shapes of the factors A and B of each layer, by layer."""
    halves: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        layer, _, half = name.removesuffix(".weight").rpartition(".")
        if half not in ("lora_A", "lora_B") or len(shape) != 2 or not name.endswith(".weight"):
            raise ModuleFormatError(
                f"{folder}: unexpected tensor {name!r:.200} {list(shape)} in a LoRA: fetch the module again"
            )
        halves.setdefault(layer.removeprefix(_PREFIX), {})[half] = shape
    for layer, pair in halves.items():
        if len(pair) != 2 or pair["lora_A"][0] != pair["lora_B"][1]:
            raise ModuleFormatError(
                f"{folder}: the two factors of {layer!r:.200} do not fit each other: fetch the module again"
            )
    return {layer: (pair["lora_A"], pair["lora_B"]) for layer, pair in halves.items()}
