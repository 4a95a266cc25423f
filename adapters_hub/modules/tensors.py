"""Read safetensors files with an error that says what is wrong; no other weight format is ever read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from adapters_hub.errors import ModuleFormatError
from adapters_hub.folders import inner_path
from adapters_hub.format import check_safetensors_header

_MAX_JSON_BYTES = 4 << 20


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file, on the CPU.

    Raises:
        ModuleFormatError: the file is missing, truncated or not safetensors.
    """
    if not inner_path(path.parent, path.name).is_file():
        raise ModuleFormatError(f"{path} is missing: expected a plain safetensors file")
    check_safetensors_header(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModuleFormatError(f"{path} is truncated or not safetensors ({error}): fetch it again") from error


def read_config(path: Path) -> dict[str, Any]:
    """A small JSON object such as `adapter_config.json`.

    Raises:
        ModuleFormatError: the file is missing, too large or not a JSON object.
    """
    if not inner_path(path.parent, path.name).is_file() or path.stat().st_size > _MAX_JSON_BYTES:
        raise ModuleFormatError(f"{path} is missing, or not a small plain file: expected a JSON object")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModuleFormatError(f"{path} is not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise ModuleFormatError(f"{path} does not hold a JSON object")
    return values


def halved(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies in float16, on the CPU, for a file of half the size; in float32 where a value is too large for it.

    What is trained beside a frozen transformer is small beside it: vectors change by some millionths.
    """
    copies = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in tensors.items()}
    largest = torch.finfo(torch.float16).max
    small = all(tensor.abs().max() <= largest for tensor in copies.values() if tensor.numel())
    return {name: tensor.to(torch.float16) for name, tensor in copies.items()} if small else copies
