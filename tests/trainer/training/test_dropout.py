"""The dropout of a base can be changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from adapters_hub import BaseEncoder
from tests.conftest import ARCHITECTURES
from trainer.training.dropout import set_dropout


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
