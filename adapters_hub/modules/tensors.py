"""Read safetensors files, checking what they declare before what they hold; no other weight format is ever read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from adapters_hub.errors import AdaptersHubError, ModuleFormatError
from adapters_hub.folders import inner_path
from adapters_hub.format import check_safetensors_header
from adapters_hub.json_files import load_json

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of tensors, by name."""

LARGEST_VALUE = 1e6
"""Largest magnitude that a module's tensors may have, many thousands of times what training gives."""

_DTYPES = ("F32", "F16", "BF16")
_MOST_TENSORS = 20_000


def read_tensors(path: Path, check: Callable[[Shapes], None] | None = None) -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file, on the CPU, memory-mapped.

    Before any of them is read, `check` gets their names and shapes; it raises ModuleFormatError to refuse them.

    Raises:
        ModuleFormatError: the file is missing, truncated or not safetensors, holds anything but real numbers of 16 or
            32 bits, or was refused by `check`.
    """
    if not inner_path(path.parent, path.name).is_file():
        raise ModuleFormatError(f"{path} is missing: expected a plain safetensors file")
    check_safetensors_header(path)
    try:
        with safe_open(path, "pt") as file:
            names = list(file.keys())
            if len(names) > _MOST_TENSORS:
                raise ModuleFormatError(f"{path} holds {len(names)} tensors, no module has over {_MOST_TENSORS}")
            parts = {name: file.get_slice(name) for name in names}
            shapes = {name: tuple(part.get_shape()) for name, part in parts.items()}
            kinds = {str(part.get_dtype()) for part in parts.values()}
        if odd := sorted(kinds - set(_DTYPES)):
            raise ModuleFormatError(f"{path} holds numbers of the type {odd[0]}, expected {', '.join(_DTYPES)}")
        if check is not None:
            check(shapes)
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, AdaptersHubError):
            raise
        raise ModuleFormatError(f"{path} is truncated or not safetensors ({error}): fetch it again") from error


def require_finite(tensors: Mapping[str, torch.Tensor], where: str | os.PathLike[str]) -> None:
    """Refuse tensors with values that are NaN, infinite or too large to compute with.

    Diverged training leaves such values, which would make vectors NaN. Tensors are checked both before they are written
    and after they were read.

    Raises:
        ModuleFormatError: a tensor has such values; the message names the first one.
    """
    for name, tensor in tensors.items():
        if tensor.numel() == 0:
            continue
        low, high = (float(end) for end in torch.aminmax(tensor.detach()))
        # No comparison with NaN is true.
        if not -LARGEST_VALUE <= low <= high <= LARGEST_VALUE:
            raise ModuleFormatError(
                f"{where}: the tensor {name!r:.200} has values from {low:g} to {high:g}, expected finite ones of up to "
                f"{LARGEST_VALUE:g}: its training has diverged, or it was tampered with; train it again"
            )


def finite_number(value: object, most: float) -> float | None:
    """A number from a configuration as a float; None if it is not a number from `-most` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:
        return None
    return float(value)


def read_config(path: Path) -> dict[str, Any]:
    """Read a small JSON object such as `adapter_config.json`.

    Raises:
        ModuleFormatError: the file is missing, too large or not a JSON object.
    """
    if not inner_path(path.parent, path.name).is_file():
        raise ModuleFormatError(f"{path} is missing, or not a small plain file: expected a JSON object")
    try:
        values = load_json(path)
    except ValueError as error:
        raise ModuleFormatError(f"{path} is not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise ModuleFormatError(f"{path} does not hold a JSON object")
    return values


def halved(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies in float16 on the CPU, for a file of half the size; in float32 if any value is too large for float16.

    Trained adapters are small compared with the frozen transformer, so the rounding changes vectors only by millionths.
    """
    copies = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in tensors.items()}
    largest = torch.finfo(torch.float16).max
    small = all(tensor.abs().max() <= largest for tensor in copies.values() if tensor.numel())
    return {name: tensor.to(torch.float16) for name, tensor in copies.items()} if small else copies
