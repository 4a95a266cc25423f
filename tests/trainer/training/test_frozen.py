"""Frozen dense layers compute the same as torch's."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from adapters_hub.encoder.layers import LanguageDense
from trainer.training.frozen import FrozenDense, gradient_of_input, product


def layer(bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(32, 64, bias=bias).requires_grad_(False)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_output_and_gradient_are_the_same(bias: bool, dtype: torch.dtype) -> None:
    plain, frozen = layer(bias).bfloat16(), FrozenDense(layer(bias), torch.bfloat16)
    results = []
    for each in (plain, frozen):
        x = torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            output = each(x)
        output.float().square().sum().backward()
        results.append((output, x.grad))
    for found, expected in zip(*results, strict=True):
        assert found is not None
        assert found.dtype == expected.dtype  # type: ignore[union-attr]
        torch.testing.assert_close(found, expected)


def test_products_follow_the_precision_of_what_they_are_given() -> None:
    plain, frozen = layer(), FrozenDense(layer(), torch.bfloat16)
    rows, gradient = torch.randn(7, 32), torch.randn(7, 64)
    for each in (plain, frozen):
        assert product(each, rows).dtype == gradient_of_input(each, gradient).dtype == torch.float32
        torch.testing.assert_close(product(each, rows), rows @ plain.weight.T + plain.bias, rtol=0.02, atol=0.02)
        torch.testing.assert_close(gradient_of_input(each, gradient), gradient @ plain.weight, rtol=0.02, atol=0.05)


def test_it_keeps_its_name_and_weights() -> None:
    model = nn.Sequential(layer())
    names = set(copy.deepcopy(model).state_dict())
    model[0] = FrozenDense(model[0], torch.bfloat16)  # type: ignore[arg-type]
    assert set(model.state_dict()) == names
    assert torch.equal(model[0].weight, layer().weight.bfloat16())


@pytest.mark.parametrize("take_over", [LanguageDense, lambda layer: FrozenDense(layer, torch.bfloat16)])
def test_hooks_stay_on_a_layer_whose_place_is_taken(take_over: Callable[[nn.Linear], nn.Linear]) -> None:
    old, calls = layer(), []
    first = old.register_forward_hook(lambda *_: calls.append("first"))
    old.register_forward_pre_hook(lambda *_: calls.append("before"))
    new = take_over(old)
    new(torch.randn(2, 32, dtype=new.weight.dtype))
    assert calls == ["before", "first"]
    first.remove()
    new(torch.randn(2, 32, dtype=new.weight.dtype))
    assert calls == ["before", "first", "before"]
