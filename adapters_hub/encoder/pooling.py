"""From token vectors to one vector per sentence."""

from __future__ import annotations

import torch


def pool(hidden: torch.Tensor, mask: torch.Tensor, how: str) -> torch.Tensor:
    """Pool token vectors, in float32 whatever the encoder's precision.

    Args:
        hidden: `[batch, tokens, dim]`.
        mask: `[batch, tokens]`, 1 for a token and 0 for padding.
        how: `mean` over the tokens, or `cls`, the first token.

    Returns:
        `[batch, dim]`, float32.
    """
    hidden = hidden.float()
    if how == "cls":
        return hidden[:, 0]
    if how != "mean":
        raise ValueError(f"pooling must be 'mean' or 'cls', not {how!r}")
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)
