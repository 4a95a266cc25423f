"""The parallel bottleneck: where it acts in every architecture, what it adds, and what a blend of several adds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from adapters_hub import AlignmentAdapter, ModuleFormatError
from adapters_hub.modules import BottleneckConfig, Bottlenecks, ParallelBottleneck, blend
from tests.adapters_hub.builders import edit_json, make_adapter, random_bottlenecks
from tests.adapters_hub.conftest import Bases, Shelf
from tests.conftest import ARCHITECTURES

IDS = torch.tensor([[0, *range(10, 30), 2], [0, *range(40, 50), 2, *[1] * 10]])
MASK = (IDS != 1).long()


@torch.no_grad()
def _hidden(backbone: PreTrainedModel) -> torch.Tensor:
    return backbone(input_ids=IDS, attention_mask=MASK).last_hidden_state


def _delta(bottleneck: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The paper's formula, written out: `s * W_up relu(W_down x + b_down) + b_up`, s = 4."""
    down, up = bottleneck.down, bottleneck.up
    return 4.0 * (torch.relu(x @ down.weight.T + down.bias) @ up.weight.T + up.bias)


def _by_hand_bert(block: Any, bottleneck: nn.Module) -> None:
    def feed_forward_chunk(self: Any, attention: torch.Tensor) -> torch.Tensor:
        dense = self.output.dense(self.intermediate(attention))
        return self.output.LayerNorm(dense + attention + _delta(bottleneck, attention))

    block.feed_forward_chunk = MethodType(feed_forward_chunk, block)


def _by_hand_modernbert(block: Any, bottleneck: nn.Module) -> None:
    def forward(self: Any, hidden_states: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        hidden_states = hidden_states + self.attn(self.attn_norm(hidden_states), **kwargs)[0]
        x = self.mlp_norm(hidden_states)
        return hidden_states + self.mlp(x) + _delta(bottleneck, x)

    block.forward = MethodType(forward, block)


def _by_hand_m2m_100(block: Any, bottleneck: nn.Module) -> None:
    def forward(self: Any, hidden_states: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> torch.Tensor:
        x = self.self_attn_layer_norm(hidden_states)
        hidden_states = hidden_states + self.self_attn(hidden_states=x, attention_mask=attention_mask)[0]
        x = self.final_layer_norm(hidden_states)
        return hidden_states + self.fc2(self.activation_fn(self.fc1(x))) + _delta(bottleneck, x)

    block.forward = MethodType(forward, block)


def _by_hand_decoder(block: Any, bottleneck: nn.Module) -> None:
    def forward(self: Any, hidden_states: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        attention, _ = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **kwargs)
        if hasattr(self, "pre_feedforward_layernorm"):  # Gemma has a norm before and after each sub-layer
            hidden_states = hidden_states + self.post_attention_layernorm(attention)
            x = self.pre_feedforward_layernorm(hidden_states)
            return hidden_states + self.post_feedforward_layernorm(self.mlp(x)) + _delta(bottleneck, x)
        hidden_states = hidden_states + attention
        x = self.post_attention_layernorm(hidden_states)
        return hidden_states + self.mlp(x) + _delta(bottleneck, x)

    block.forward = MethodType(forward, block)


BY_HAND: dict[str, Callable[[Any, nn.Module], None]] = {
    "bert": _by_hand_bert,
    "xlm-roberta": _by_hand_bert,
    "modernbert": _by_hand_modernbert,
    "m2m_100": _by_hand_m2m_100,
    "qwen3": _by_hand_decoder,
    "gemma3_text": _by_hand_decoder,
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_fresh_bottleneck_changes_no_bit(bases: Bases, architecture: str) -> None:
    base = bases(architecture).copy()
    before = _hidden(base.backbone)
    Bottlenecks(BottleneckConfig(hidden_size=32, num_layers=2)).attach(base.backbone, base.architecture)
    assert torch.equal(_hidden(base.backbone), before)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_trained_bottleneck_is_parallel_to_the_feed_forward_sub_layer(bases: Bases, architecture: str) -> None:
    base, by_hand = bases(architecture).copy(), bases(architecture).copy()
    bottlenecks = random_bottlenecks(base, 1)
    for block, bottleneck in zip(
        by_hand.backbone.get_submodule(base.architecture.blocks), bottlenecks.layers, strict=True
    ):
        BY_HAND[architecture](block, bottleneck)
    before = _hidden(base.backbone)
    bottlenecks.attach(base.backbone, base.architecture)
    found = _hidden(base.backbone)
    torch.testing.assert_close(found, _hidden(by_hand.backbone), atol=1e-5, rtol=1e-5)
    assert (found - before).abs().amax(-1)[MASK.bool()].min() > 0.01


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_detaching_restores_every_bit(bases: Bases, architecture: str) -> None:
    base = bases(architecture).copy()
    before = _hidden(base.backbone)
    names = [name for name, _ in base.backbone.named_modules()]
    for seed in (1, 2):
        handles = random_bottlenecks(base, seed).attach(base.backbone, base.architecture)
        assert not torch.equal(_hidden(base.backbone), before)
        for handle in handles:
            handle.remove()
        assert torch.equal(_hidden(base.backbone), before)
    assert [name for name, _ in base.backbone.named_modules()] == names


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_weight_of_every_block_gets_a_gradient(bases: Bases, architecture: str) -> None:
    base = bases(architecture).copy()
    bottlenecks = random_bottlenecks(base, 1).requires_grad_(True)
    bottlenecks.attach(base.backbone, base.architecture)
    base.backbone(input_ids=IDS, attention_mask=MASK).last_hidden_state.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in bottlenecks.parameters())
    assert all(parameter.grad is None for parameter in base.backbone.parameters())


def test_the_start_is_kaiming_down_and_zero_up() -> None:
    torch.manual_seed(0)
    bottleneck = ParallelBottleneck(1000, 500, "relu", 4.0)
    bound = (1 / 1000) ** 0.5
    weight = bottleneck.down.weight
    assert 0.99 * bound < weight.abs().max() <= bound
    assert not any(tensor.any() for tensor in (bottleneck.down.bias, bottleneck.up.weight, bottleneck.up.bias))


@pytest.mark.parametrize("weights", [(0.7, 0.3), (2.0, -1.0), (0.5,)])
def test_a_blend_gives_the_weighted_sum_of_the_deltas(bases: Bases, weights: tuple[float, ...]) -> None:
    base = bases("bert")
    kinds: list[dict[str, Any]] = [{}, {"reduction_factor": 4.0, "scaling": 0.5}]
    adapters = [random_bottlenecks(base, seed, **options) for seed, options in enumerate(kinds)][: len(weights)]
    blended = blend(list(zip(adapters, weights, strict=True)))
    x = torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(0))
    for index, layer in enumerate(blended.layers):
        expected = sum(w * adapter.layers[index](x) for adapter, w in zip(adapters, weights, strict=True))
        torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)
        assert expected.abs().max() > 0.1


def test_a_blend_of_one_with_weight_one_is_that_one(bases: Bases) -> None:
    only = random_bottlenecks(bases("bert"), 1)
    blended, x = blend([(only, 1.0)]), torch.randn(4, 32)
    for layer, expected in zip(blended.layers, only.layers, strict=True):
        assert torch.equal(layer(x), expected(x))


def test_blending_leaves_the_parts_as_they_are(bases: Bases) -> None:
    parts = [random_bottlenecks(bases("bert"), seed) for seed in (1, 2)]
    before = [{name: tensor.clone() for name, tensor in part.state_dict().items()} for part in parts]
    blended = blend([(parts[0], 0.5), (parts[1], 0.5)])
    with torch.no_grad():
        for parameter in blended.parameters():
            parameter.zero_()
    for part, old in zip(parts, before, strict=True):
        assert all(torch.equal(tensor, old[name]) for name, tensor in part.state_dict().items())


def test_different_non_linearities_cannot_be_blended(bases: Bases) -> None:
    parts = [(random_bottlenecks(bases("bert"), 1, non_linearity=name), 0.5) for name in ("relu", "gelu")]
    with pytest.raises(ModuleFormatError, match="different non-linearities cannot be blended"):
        blend(parts)


@pytest.fixture
def aligned(shelf: Shelf, tmp_path: Path) -> Path:
    """An alignment adapter that tests may damage; its manifest is not checked."""
    return Path(shutil.copytree(shelf.deu_both.folder, tmp_path / "aligned"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": 64}, r"expected layers.0.down.weight \[32, 64\], found \[16, 32\]"),
        ({"num_layers": 3}, "expected 12 tensors, found 8"),
        ({"num_layers": 10**9}, "num_layers must be a number from 1 to 512, not 1000000000"),
        ({"reduction_factor": 4.0}, r"expected layers.0.down.weight \[8, 32\]"),
        ({"reduction_factor": 0}, "reduction_factor 0 with hidden_size 32"),
        ({"reduction_factor": -2}, "reduction_factor -2 with hidden_size 32"),
        ({"reduction_factor": 5e-324}, "not a usable alignment adapter"),
        ({"reduction_factor": "2"}, "not a usable alignment adapter"),
        ({"non_linearity": "__import__"}, "non_linearity '__import__' is unknown"),
        ({"adapter_type": "lora"}, "expected adapter_type 'parallel_bottleneck', found 'lora'"),
        ({"scaling": "4"}, "scaling must be a number of up to 10000, not '4'"),
        ({"scaling": float("nan")}, "scaling must be a number of up to 10000, not nan"),
    ],
    ids=str,
)
def test_a_configuration_that_does_not_fit_the_weights_is_refused(
    aligned: Path, changes: dict[str, Any], words: str
) -> None:
    edit_json(aligned / "adapter_config.json", **changes)
    with pytest.raises(ModuleFormatError, match=words) as caught:
        AlignmentAdapter.load(aligned, verify=False)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModuleFormatError, match="SHA-256|bytes where the manifest says"):
        AlignmentAdapter.load(aligned)


def test_tensors_of_wrong_shape_or_name_are_refused(aligned: Path) -> None:
    path = aligned / "adapter_model.safetensors"
    tensors = load_file(path)
    for changed in (
        tensors | {"layers.1.up.weight": torch.zeros(32, 8)},
        {name.replace("layers.1.up.bias", "layers.1.up.offset"): tensor for name, tensor in tensors.items()},
    ):
        save_file(changed, path)
        with pytest.raises(ModuleFormatError, match="not a usable alignment adapter"):
            AlignmentAdapter.load(aligned, verify=False)


@pytest.mark.parametrize("shape", [(64, 2), (32, 3)])
def test_an_adapter_of_another_shape_than_the_base_is_refused(
    shelf: Shelf, tmp_path: Path, shape: tuple[int, int]
) -> None:
    bottlenecks = Bottlenecks(BottleneckConfig(*shape))
    adapter = make_adapter(shelf.base, tmp_path / "adapter", ("both", shelf.deu, shelf.eng), 1, bottlenecks)
    assert json.loads((adapter.folder / "adapter_config.json").read_text())["hidden_size"] == shape[0]
    with pytest.raises(ModuleFormatError, match="do not fit the base, which has 2 of width 32"):
        adapter.check_base(shelf.base)
