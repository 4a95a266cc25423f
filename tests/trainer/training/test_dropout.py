"""The cheap dropout drops values like torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from adapters_hub import BaseEncoder
from tests.conftest import ARCHITECTURES
from trainer.training.dropout import CheapDropout, set_dropout, with_cheap_dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1000, 301), (7, 11, 13, 5)])
def test_it_zeroes_the_right_share_and_keeps_the_mean(p: float, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    dropout = CheapDropout(p)
    output = dropout(torch.ones(shape))
    sigma = (p * (1 - p) / output.numel()) ** 0.5
    assert float((output == 0).float().mean()) == pytest.approx(p, abs=5 * sigma + 1e-4)
    torch.testing.assert_close(
        output[output != 0], torch.full_like(output[output != 0], 1 / (1 - p)), rtol=1e-3, atol=0
    )


def test_elements_are_dropped_independently() -> None:
    """This also holds for the four values that share a draw."""
    torch.manual_seed(0)
    kept = (CheapDropout(0.5)(torch.ones(200_000, 4)) != 0).float()
    correlation = torch.corrcoef(kept.T)
    assert float((correlation - torch.eye(4)).abs().max()) < 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_pass_where_values_did(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    values = torch.ones(50, 20, dtype=dtype, requires_grad=True)
    output = CheapDropout(0.3)(values)
    output.sum().backward()
    assert output.dtype == dtype
    assert values.grad is not None
    assert torch.equal(values.grad, output)


def test_the_seed_decides_and_evaluation_changes_nothing() -> None:
    dropout, values = CheapDropout(0.2), torch.randn(10, 10)
    torch.manual_seed(3)
    first = dropout(values)
    torch.manual_seed(3)
    assert torch.equal(dropout(values), first)
    assert not torch.equal(dropout(values), first)
    assert torch.equal(dropout.eval()(values), values)
    assert torch.equal(CheapDropout(0.0)(values), values)


def test_it_takes_the_place_of_every_dropout_of_a_model() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3), nn.ModuleDict({"inner": nn.Dropout(0.1)}))
    with_cheap_dropout(model)
    assert [(type(module), module.p) for module in model.modules() if isinstance(module, nn.Dropout)] == [
        (CheapDropout, 0.3),
        (CheapDropout, 0.1),
    ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_encoder_without_dropout_computes_in_training_what_it_does_in_evaluation(
    bases: Callable[[str], BaseEncoder], architecture: str
) -> None:
    backbone = bases(architecture).copy().backbone
    ids = torch.tensor([[0, *range(10, 60), 2]])
    expected = backbone.eval()(input_ids=ids).last_hidden_state
    set_dropout(backbone, 0.0)
    torch.testing.assert_close(backbone.train()(input_ids=ids).last_hidden_state, expected)
    set_dropout(backbone, 0.5)
    assert not torch.allclose(backbone(input_ids=ids).last_hidden_state, expected, atol=1e-2)
    set_dropout(backbone, 0.0)
    set_dropout(backbone, None)
    torch.testing.assert_close(backbone(input_ids=ids).last_hidden_state, expected)
