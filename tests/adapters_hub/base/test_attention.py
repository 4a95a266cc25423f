"""Attention by batched products equals torch's own attention."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import Qwen3Config, Qwen3Model

from adapters_hub import BaseEncoder, load_base
from adapters_hub.base.attention import BATCHED_PRODUCTS, LONGEST, attention, use_batched_products
from tests.conftest import ARCHITECTURES

Bases = Callable[[str], BaseEncoder]


def states(tokens: int, count: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Query, key and value in the layout that a block makes: views with the heads in the middle."""
    random = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(count, tokens, 4, 8, generator=random).transpose(1, 2).requires_grad_() for _ in range(3))
    return q, k, v


@pytest.mark.parametrize("tokens", [1, 7, 64])
@pytest.mark.parametrize("kind", ["none", "bool", "added"])
def test_output_and_gradients_are_those_of_torch(tokens: int, kind: str) -> None:
    seen = torch.arange(tokens) < torch.tensor([[tokens], [max(tokens - 2, 1)], [1]])
    mask = None if kind == "none" else seen[:, None, None, :].expand(3, 1, tokens, tokens)
    if kind == "added":
        assert mask is not None
        mask = torch.zeros(mask.shape).masked_fill(~mask, -1e4)
    random = torch.randn(3, 4, tokens, 8, generator=torch.Generator().manual_seed(1))
    results = []
    for compute in (attention, scaled_dot_product_attention):
        given = states(tokens)
        output = compute(*given, mask)  # type: ignore[arg-type]
        results.append((output, *torch.autograd.grad((output * random).sum(), given)))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_heads_that_share_keys_are_those_of_torch() -> None:
    query, _, _ = states(7)
    _, key, value = (tensor[:, :2] for tensor in states(7))
    mask = torch.ones(7, 7, dtype=torch.bool).tril()[None, None]
    expected = scaled_dot_product_attention(query, key, value, mask, enable_gqa=True)
    torch.testing.assert_close(attention(query, key, value, mask), expected, rtol=1e-5, atol=1e-5)


def test_a_place_that_sees_nothing_gives_numbers() -> None:
    hidden = torch.zeros(3, 1, 5, 5, dtype=torch.bool)
    assert torch.isfinite(attention(*states(5), hidden)).all()


def test_scaling_and_dropout_are_used() -> None:
    given = states(6)
    torch.testing.assert_close(
        attention(*given, scaling=0.1), scaled_dot_product_attention(*given, scale=0.1), rtol=1e-5, atol=1e-5
    )
    many = [tensor.expand(2000, -1, -1, -1) for tensor in states(6, 1)]
    torch.manual_seed(0)
    dropped = attention(*many, dropout=0.5)
    assert dropped[0].ne(dropped[1]).any()
    torch.testing.assert_close(dropped.mean(0), attention(*many)[0], rtol=0.1, atol=0.1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tokens", [12, LONGEST + 1])
@pytest.mark.parametrize("whole", [False, True], ids=["padded", "no mask"])
def test_every_base_computes_with_it_what_it_computes_without(
    bases: Bases, architecture: str, tokens: int, whole: bool
) -> None:
    base = load_base(bases(architecture).source)
    assert base.backbone.config._attn_implementation == BATCHED_PRODUCTS
    tokens = min(tokens, base.max_positions)
    ids = torch.randint(10, 60, (2, tokens), generator=torch.Generator().manual_seed(0))
    mask: torch.Tensor | None = torch.ones_like(ids)
    mask[1, tokens // 2 :] = 0
    if whole:
        mask = None
    with torch.no_grad():
        found = base.backbone(input_ids=ids, attention_mask=mask).last_hidden_state
        base.backbone.set_attn_implementation("sdpa")
        expected = base.backbone(input_ids=ids, attention_mask=mask).last_hidden_state
    seen = torch.ones_like(ids) > 0 if mask is None else mask.bool()
    torch.testing.assert_close(found[seen], expected[seen], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
def test_where_no_mask_is_given_tokens_of_a_decoder_still_see_only_those_before_them(groups: int) -> None:
    """Without padding, transformers passes no mask: the kernel must follow `is_causal`."""
    config = Qwen3Config(
        vocab_size=60,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4 // groups,
        head_dim=8,
        intermediate_size=64,
    )
    torch.manual_seed(0)
    model = Qwen3Model(config).eval()
    use_batched_products(model)
    ids = torch.randint(0, 60, (2, 12))
    with torch.no_grad():
        all_of_it = model(input_ids=ids, use_cache=False).last_hidden_state
        a_part = model(input_ids=ids[:, :5], use_cache=False).last_hidden_state
    torch.testing.assert_close(all_of_it[:, :5], a_part, rtol=1e-4, atol=1e-5)
