"""Weights packed in oneDNN's own layout.

Before each matrix product in bfloat16, oneDNN brings the weight into this layout. For a weight that does not change,
this can be done once, which makes the products of encoding about a quarter faster. The results are the same up to the
order of summation.
"""

from __future__ import annotations

from typing import cast

import torch

_ROWS = 1024  # number of input rows that the layout is optimised for; it works for any number


def pack(weight: torch.Tensor) -> torch.Tensor | None:
    """Pack a weight `[out, in]` for `packed_linear`; None where packing does not help, as in float32 or on a GPU."""
    if weight.device.type != "cpu" or weight.dtype != torch.bfloat16 or not _available():
        return None
    return cast(torch.Tensor, torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), _ROWS))


def packed_linear(x: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """`x W^T + bias` in bfloat16, `[..., in]` to `[..., out]`, with a packed `W`; gradients are not supported."""
    return cast(torch.Tensor, torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], ""))


def _available() -> bool:
    operations = all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    return operations and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
