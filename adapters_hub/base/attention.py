"""Attention by batched matrix products, which on a CPU is faster for sentences than the kernel that torch picks.

torch's fused CPU kernel is made for long sequences, so it never stores the whole matrix of attention weights. For a
batch of sentences this matrix fits into the cache, and plain batched products are two to three times as fast, or six to
ten times with gradients in bfloat16. Long sequences and GPUs still use the fused kernels.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

BATCHED_PRODUCTS = "batched_products"
"""The name under which transformers knows this attention."""

LONGEST = 256
"""The longest sequences, in tokens, that use batched products; longer ones use the fused kernel."""

_ELSEWHERE = ("position_bias", "softcap", "cache")


def use_batched_products(backbone: PreTrainedModel) -> None:
    """Switch a model from torch's attention to batched products; a model with another attention stays as it is."""
    if backbone.config._attn_implementation == "sdpa":
        backbone.set_attn_implementation(BATCHED_PRODUCTS)


def _forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,  # noqa: ANN401
) -> tuple[torch.Tensor, None]:
    # Attention between two sequences, or with extras that are not computed here.
    special = query.shape[2:] != key.shape[2:] or any(kwargs.get(name) is not None for name in _ELSEWHERE)
    if query.device.type != "cpu" or query.shape[2] > LONGEST or special:
        return sdpa_attention_forward(  # type: ignore[no-any-return]
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    if attention_mask is None and _is_causal(module, kwargs.get("is_causal")):
        # transformers leaves out the mask where the kernel can tell by itself.
        attention_mask = torch.ones(query.shape[2], query.shape[2], dtype=torch.bool).tril()[None, None]
    output = attention(query, key, value, attention_mask, scaling, dropout)
    return output.transpose(1, 2).contiguous(), None


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
) -> torch.Tensor:
    """`softmax(scaling Q K^T + mask) V`.

    Args:
        query: `[n, heads, tokens, dim]`.
        key: `[n, heads, tokens, dim]`, or with fewer heads, each for as many neighbouring ones of the query.
        value: as the key.
        mask: `[n or 1, heads or 1, tokens or 1, tokens]`: bool (false: hidden) or added to the products; None: all is
            seen.
        scaling: by default `1 / sqrt(dim)`.
        dropout: probability of leaving a weight out; 0: none.

    Returns:
        `[n, heads, tokens, dim]`.
    """
    count, heads, tokens, dim = query.shape
    # The heads of the query that share a key become rows of one product.
    query = query.reshape(count * key.shape[1], -1, dim)
    key, value = (states.reshape(-1, tokens, dim) for states in (key, value))
    scale = 1 / math.sqrt(dim) if scaling is None else scaling
    scores = torch.baddbmm(query.new_empty(1, 1, 1), query, key.transpose(1, 2), beta=0, alpha=scale)
    if mask is not None:
        if mask.dtype == torch.bool:
            # Not -inf: a padding token may see no token at all, and the NaN that results would spread.
            mask = torch.zeros_like(mask, dtype=scores.dtype).masked_fill_(~mask, torch.finfo(scores.dtype).min)
        scores = (scores.view(count, heads, tokens, tokens) + mask).view_as(scores)
    weights = torch.softmax(scores, dim=-1)
    if dropout:
        weights = torch.nn.functional.dropout(weights, dropout)
    return torch.bmm(weights, value).view(count, heads, tokens, dim)


def _is_causal(module: torch.nn.Module, asked: bool | None) -> bool:
    return bool(getattr(module, "is_causal", True) if asked is None else asked)


AttentionInterface.register(BATCHED_PRODUCTS, _forward)
AttentionMaskInterface.register(BATCHED_PRODUCTS, sdpa_mask)
