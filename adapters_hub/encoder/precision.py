"""Choose the precision to compute in."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from adapters_hub.errors import AdaptersHubError

_Name = Literal["auto", "float32", "bfloat16", "float16"]
Precision = torch.dtype | _Name
"""The values that `ModularEncoder(dtype=…)` takes."""


def has_fast_bfloat16(device: torch.device | str) -> bool:
    """Whether a device has bfloat16 instructions; a CPU without them is about ten times slower than in float32."""
    device = torch.device(device)
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch's own compiler checks the same. A build without oneDNN has no fast path at all.
    onednn = device.type == "cpu" and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return onednn and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def resolve_precision(precision: Precision, device: torch.device | str) -> torch.dtype:
    """The torch dtype to compute in; `auto` means bfloat16 if the device computes fast in it, else float32.

    Raises:
        AdaptersHubError: `precision` is not a valid value.
    """
    if isinstance(precision, torch.dtype):
        return precision
    if precision == "auto":
        return torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
    if precision not in get_args(_Name):
        raise AdaptersHubError(f"the precision must be one of {', '.join(get_args(_Name))}, not {precision!r}")
    dtype: torch.dtype = getattr(torch, precision)
    return dtype
