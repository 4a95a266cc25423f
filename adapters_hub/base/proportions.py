"""Check that a checkpoint's configuration fits its weights, before a transformer is built from it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from adapters_hub.base.files import CheckpointFiles
from adapters_hub.errors import BaseEncoderError
from adapters_hub.format import check_safetensors_header

# The settings that determine memory use, under all names that transformers has for them.
_COUNTS = re.compile(
    r"(num_|n_)?(hidden|encoder|decoder)?_?layers|num_hidden_layers|.*(_size|_dim|d_model|_heads)|d_model|max_position_\w+"
)
_LARGEST = {"layers": 512, "heads": 1024, "position": 1 << 20, "vocab": 1 << 23, "": 1 << 20}
_MOST_MISSING = 1 << 26  # numbers that a checkpoint may lack, such as position tables and masks


def check_config(source: str, files: CheckpointFiles) -> None:
    """Refuse a config.json that is invalid or asks for larger sizes than any base has, before it is used.

    Raises:
        BaseEncoderError: config.json is such a file, or the checkpoint is quantised or an adapter of another model.
    """
    config = files.json("config.json")
    if config is None:
        return  # loading the base raises the error for a missing file
    if not isinstance(config, dict) or config.get("quantization_config") or files.path("adapter_config.json"):
        raise BaseEncoderError(
            f"base encoder {source!r} is quantised, an adapter of another model, or has no JSON object as config.json: "
            "choose the encoder itself, in 16 or 32 bits"
        )
    for name, value in config.items():
        if not _COUNTS.fullmatch(name) or value is None:
            continue
        most = next(most for part, most in _LARGEST.items() if part in name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise BaseEncoderError(
                f"config.json of base encoder {source!r} has {name} {value!r:.80}, expected a number up to {most}: "
                "fetch it again"
            )


def check_size(source: str, files: CheckpointFiles, make: Callable[[], nn.Module]) -> None:
    """Refuse a configuration that describes more weights than the checkpoint has.

    Raises:
        BaseEncoderError: the configuration describes more weights, or the weights cannot be read.
    """
    present = sum(math.prod(shape) for shape in _shapes(source, files))
    if not present:
        return  # loading the base raises the error for missing weights
    with torch.device("meta"):
        model = make()
    needed = sum(tensor.numel() for tensor in (*model.parameters(), *model.buffers()))
    if needed > present + _MOST_MISSING:
        raise BaseEncoderError(
            f"config.json of base encoder {source!r} describes {needed:,} weights, but its files have {present:,}: "
            "damaged or tampered with; fetch it again"
        )


def _shapes(source: str, files: CheckpointFiles) -> Iterator[tuple[int, ...]]:
    """The shapes of all tensors, as the headers of the weight files declare them."""
    for path in files.weights():
        try:
            check_safetensors_header(path)
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118
                    yield tuple(file.get_slice(name).get_shape())
        except (SafetensorError, OSError, ValueError) as error:
            raise BaseEncoderError(
                f"the weights of base encoder {source!r} cannot be read from safetensors: {error}"
            ) from error
