"""Cosine similarities of vectors, whatever they are stored in."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import normalize as unit_length

from adapters_hub.errors import AdaptersHubError


def cosine_similarities(a: np.ndarray | torch.Tensor, b: np.ndarray | torch.Tensor) -> np.ndarray:
    """Arguments, result and errors are those of `ModularEncoder.similarity`."""
    left, right = _in_float32(a), _in_float32(b)
    if left.shape[-1] != right.shape[-1]:
        raise AdaptersHubError(f"vectors of {left.shape[-1]} and {right.shape[-1]} dimensions are not comparable")
    return (unit_length(left, dim=-1) @ unit_length(right, dim=-1).transpose(0, -1)).numpy()


def _in_float32(vectors: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Vectors as a float32 tensor on the CPU, whatever their strides, byte order and precision."""
    if isinstance(vectors, torch.Tensor):
        return vectors.detach().to("cpu", torch.float32)
    return torch.from_numpy(np.array(vectors, dtype=np.float32))  # a copy: PyTorch has no negative strides
