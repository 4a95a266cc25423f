"""Dense layers that some encoders have between pooling and the sentence vector (LaBSE, EmbeddingGemma)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from adapters_hub.base.files import CheckpointFiles
from adapters_hub.errors import BaseEncoderError
from adapters_hub.json_files import write_json

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "torch.nn.modules.linear.Identity": nn.Identity,
    "torch.nn.modules.activation.Tanh": nn.Tanh,
    "torch.nn.modules.activation.ReLU": nn.ReLU,
    "torch.nn.modules.activation.GELU": nn.GELU,
    "torch.nn.modules.activation.SiLU": nn.SiLU,
    "torch.nn.modules.activation.Sigmoid": nn.Sigmoid,
}
"""The supported activations, by the names that sentence-transformers gives them; files may name no others."""

_WEIGHTS, _CONFIG = "model.safetensors", "config.json"
_PLACES = ("module_input_name", "module_output_name")
_PLACE = "sentence_embedding"


class DenseLayer(nn.Module):
    """`activation(x W^T + b)`, `[..., in]` to `[..., out]`."""

    def __init__(self, in_features: int, out_features: int, bias: bool, activation: str) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features, bias)
        self.activation_name = activation
        self.activation = ACTIVATIONS[activation]()

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Apply the layer: `[..., in]` to `[..., out]`."""
        projected: torch.Tensor = self.activation(self.linear(vectors))
        return projected


class DenseLayers(nn.Sequential):
    """Dense layers applied one after the other in float32; they belong to the base and are frozen with it."""

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Apply the layers, `[batch, width]` to `[batch, dim]`, in float32 even under autocast."""
        with torch.autocast(vectors.device.type, enabled=False):
            vectors = vectors.float()
            for layer in self:
                vectors = layer(vectors)
        return vectors

    @property
    def dimension(self) -> int:
        """Length of the output vectors."""
        last = self[-1]
        assert isinstance(last, DenseLayer)
        return last.linear.out_features

    def facts(self) -> list[tuple[str, int, int]]:
        """Activation, input length and output length of each layer; the tensors alone do not show the activation."""
        layers = (layer for layer in self if isinstance(layer, DenseLayer))
        return [(layer.activation_name, layer.linear.in_features, layer.linear.out_features) for layer in layers]


def pooler_layer(weight: torch.Tensor, bias: torch.Tensor) -> DenseLayers:
    """BERT's own pooler, a dense layer with tanh, from its weight `[dim, width]` and bias `[dim]`."""
    layer = DenseLayer(weight.shape[1], weight.shape[0], True, "torch.nn.modules.activation.Tanh")
    layer.linear.load_state_dict({"weight": weight.float(), "bias": bias.float()})
    return DenseLayers(layer).requires_grad_(False).eval()


def read_dense(files: CheckpointFiles, folders: list[str], width: int) -> DenseLayers | None:
    """Read the `Dense` modules of a SentenceTransformer, in order; the first takes vectors of `width`.

    Returns:
        The layers; None if `folders` is empty.

    Raises:
        BaseEncoderError: a module cannot be read, or this library does not support it.
    """
    layers = []
    for folder in folders:
        layer = _read_layer(files, folder)
        if layer.linear.in_features != width:
            raise BaseEncoderError(
                f"{_where(files, folder)} takes vectors of {layer.linear.in_features} dimensions, but gets {width}: "
                "fetch the base encoder again"
            )
        width = layer.linear.out_features
        layers.append(layer)
    return DenseLayers(*layers).requires_grad_(False).eval() if layers else None


def write_dense(folder: Path, layer: DenseLayer) -> None:
    """Write a layer in the format of sentence-transformers."""
    linear = layer.linear
    config: dict[str, Any] = {
        "in_features": linear.in_features,
        "out_features": linear.out_features,
        "bias": linear.bias is not None,
        "activation_function": layer.activation_name,
    }
    write_json(folder / _CONFIG, config)
    tensors = {f"linear.{name}": tensor.detach().cpu().contiguous() for name, tensor in linear.state_dict().items()}
    save_file(tensors, folder / _WEIGHTS, metadata={"format": "pt"})


def _read_layer(files: CheckpointFiles, folder: str) -> DenseLayer:
    where = _where(files, folder)
    config = files.json(f"{folder}/{_CONFIG}")
    config = config if isinstance(config, dict) else {}
    sizes = [size for name in ("in_features", "out_features") if isinstance(size := config.get(name), int) and size > 0]
    if len(sizes) != 2:
        raise BaseEncoderError(f"{where} has no {_CONFIG} with in_features and out_features: fetch the base again")
    activation = config.get("activation_function", "torch.nn.modules.activation.Tanh")
    if activation not in ACTIVATIONS:
        known = ", ".join(name.rpartition(".")[2] for name in ACTIVATIONS)
        raise BaseEncoderError(f"{where} has the activation {activation!r}; supported are {known} of torch.nn")
    if config.get("use_residual") or any(config.get(name) not in (None, _PLACE) for name in _PLACES):
        raise BaseEncoderError(
            f"{where} has a residual or works on something other than the sentence vector, which is not supported: "
            "choose another base"
        )
    path = files.path(f"{folder}/{_WEIGHTS}")
    if path is None:
        raise BaseEncoderError(
            f"{where} has no {_WEIGHTS} (a pickle is never read): load it with sentence-transformers where you trust "
            "it, save it again, and take that folder"
        )
    layer = DenseLayer(sizes[0], sizes[1], bool(config.get("bias", True)), activation)
    try:
        tensors = load_file(path)
        layer.linear.load_state_dict({name.removeprefix("linear."): value.float() for name, value in tensors.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BaseEncoderError(
            f"{path} does not hold the weights that {_CONFIG} beside it describes "
            f"({str(error).strip().splitlines()[-1].strip()}): fetch the base encoder again"
        ) from error
    return layer


def _where(files: CheckpointFiles, folder: str) -> str:
    return f"the dense layer {folder} of base encoder {files.checkpoint!r}"
