"""What the transformer computes for a language on every architecture: its LoRAs, vocabulary and padding."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.functional import set_adapter, set_peft_model_state_dict
from safetensors.torch import load_file
from torch.nn.functional import normalize
from transformers import PreTrainedTokenizerFast

from adapters_hub import CompositionError, LanguageModule, ModularEncoder
from adapters_hub.encoder import Composition, module_tokenizer, pool, prompt_length
from adapters_hub.encoder.language import Language
from adapters_hub.format import POOLINGS, WITHOUT_PROMPT
from adapters_hub.modules import BottleneckConfig, Bottlenecks
from tests.adapters_hub.builders import make_adapter, make_language, random_bottlenecks
from tests.adapters_hub.conftest import Bases, Shelf
from tests.conftest import ARCHITECTURES, build_tokenizer

IDS = torch.tensor([[0, *range(10, 60), 2]])


@pytest.fixture(scope="module", params=ARCHITECTURES)
def aligned(
    request: pytest.FixtureRequest, bases: Bases, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModularEncoder, LanguageModule]:
    """On each architecture, an encoder of one language with its own vocabulary and an alignment adapter."""
    base, folder = bases(request.param), tmp_path_factory.mktemp("aligned")
    module = make_language(base, folder / "deu", "deu", 1, build_tokenizer("bpe", 400))
    adapter = make_adapter(base, folder / "deu-eng", ("both", module, module), 2)
    return ModularEncoder(base.copy(), [module.folder, adapter.folder], device="cpu"), module


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_half_precision_gives_almost_the_same_vectors(bases: Bases, german: list[str], architecture: str) -> None:
    half = ModularEncoder(bases(architecture).copy(), device="cpu", dtype=torch.bfloat16)
    full = ModularEncoder(bases(architecture).copy(), device="cpu", dtype=torch.float32)
    assert (half.encode(german, None) * full.encode(german, None)).sum(1).min() > 0.999


@pytest.mark.parametrize("architecture", ["modernbert", "qwen3", "gemma3_text"])
def test_rotary_positions_are_not_rounded_to_half_precision(bases: Bases, architecture: str) -> None:
    """In bfloat16 a rotary frequency is off by up to 0.2 %: a third of a turn at the thousandth token."""
    base, composed = bases(architecture), bases(architecture).copy()
    Composition(composed, dtype=torch.bfloat16)
    exact = {name: buffer for name, buffer in base.backbone.named_buffers() if name.endswith("inv_freq")}
    found = dict(composed.backbone.named_buffers())
    assert exact
    assert all(torch.equal(found[name], buffer) for name, buffer in exact.items())
    blocks = composed.backbone.get_submodule(composed.architecture.blocks)
    assert {parameter.dtype for parameter in blocks.parameters()} == {torch.bfloat16}


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_merged_loras_compute_what_stacked_loras_compute(bases: Bases, tmp_path: Path, architecture: str) -> None:
    base, stacked = bases(architecture).copy(), bases(architecture).copy().backbone
    module = make_language(base, tmp_path / "deu", "deu", 1)
    with torch.no_grad():
        untouched = stacked(input_ids=IDS).last_hidden_state
    for name, role in (("language_adapter", "lang_deu"), ("sentence_adapter", "sent_deu")):
        inject_adapter_in_model(LoraConfig.from_pretrained(str(module.folder / name)), stacked, adapter_name=role)
        tensors = load_file(module.folder / name / "adapter_model.safetensors")
        state = {key.removeprefix("base_model.model."): tensor for key, tensor in tensors.items()}
        assert not set_peft_model_state_dict(stacked, state, adapter_name=role).unexpected_keys
    set_adapter(stacked, ["lang_deu", "sent_deu"], inference_mode=True)
    Composition(base).activate(module)
    with torch.no_grad():
        found = base.backbone(input_ids=IDS).last_hidden_state
        expected = stacked.eval()(input_ids=IDS).last_hidden_state
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (found - untouched).abs().max() > 0.1


def _states(composition: Composition) -> torch.Tensor:
    with torch.inference_mode():
        return composition.backbone(input_ids=IDS).last_hidden_state  # type: ignore[no-any-return]


def _breaking(language: Language) -> Language:
    """A language whose last LoRA layer has a wrong shape, so that merging fails after all other layers are merged."""
    *_, last = language.factors
    return dataclasses.replace(language, factors=language.factors | {last: (torch.ones(2, 32), torch.ones(32, 1))})


@pytest.mark.parametrize("was_merged", [True, False])
def test_after_a_change_of_language_that_failed_nothing_of_it_is_left(shelf: Shelf, was_merged: bool) -> None:
    composition = Composition(shelf.base.copy())
    untouched = _states(composition)
    eng, deu = (composition.prepare(LanguageModule.load(module.folder)) for module in (shelf.eng, shelf.deu))
    broken = _breaking(deu)
    composition.activate(eng)
    expected = _states(composition)
    composition.activate(eng, merge=was_merged)
    for after, states in ((eng, expected), (None, untouched), (eng, expected)):
        with pytest.raises(RuntimeError):
            composition.activate(broken)
        composition.activate(after)
        assert torch.equal(_states(composition), states)
    with pytest.raises(RuntimeError):
        composition.activate(broken)
    composition.forget(broken)
    assert torch.equal(_states(composition), untouched)


@pytest.mark.parametrize("architecture", ["xlm-roberta", "modernbert"])
def test_after_an_alignment_that_failed_nothing_of_it_is_left(bases: Bases, architecture: str) -> None:
    base = bases(architecture).copy()
    composition, bottlenecks = Composition(base), random_bottlenecks(base, 1)
    untouched = _states(composition)
    composition.activate(None, bottlenecks)
    aligned = _states(composition)
    too_many = Bottlenecks(BottleneckConfig(hidden_size=32, num_layers=3))
    torch.nn.init.ones_(too_many.layers[0].up.bias)  # type: ignore[union-attr, arg-type]
    for after, states in ((bottlenecks, aligned), (None, untouched), (bottlenecks, aligned)):
        with pytest.raises(ValueError, match="zip"):
            composition.activate(None, too_many)
        composition.activate(None, after)
        assert torch.equal(_states(composition), states)


def test_activating_nothing_after_anything_restores_every_weight(shelf: Shelf) -> None:
    base = shelf.base.copy()
    composition = Composition(base)
    for module in (shelf.deu, shelf.kaz, shelf.eng, None, shelf.kaz, None):
        composition.activate(module)
    for name, tensor in shelf.base.backbone.state_dict().items():
        assert torch.equal(base.backbone.state_dict()[name], tensor), name


@pytest.mark.parametrize("align", [False, True])
def test_a_sentence_alone_has_the_vector_it_has_in_a_padded_batch(
    aligned: tuple[ModularEncoder, LanguageModule], german: list[str], align: bool
) -> None:
    encoder, _ = aligned
    texts = ["Ja.", *german]
    assert len(texts[0]) * 10 < max(map(len, texts))
    for code in ("deu", None):
        together = encoder.encode(texts, code, align=align, batch_size=len(texts))
        alone = np.stack([encoder.encode(text, code, align=align) for text in texts])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_a_language_uses_its_own_tokens_and_embeddings(
    aligned: tuple[ModularEncoder, LanguageModule], german: list[str]
) -> None:
    encoder, module = aligned
    assert module.tokenizer is not None
    composition = Composition(encoder.base.copy())
    composition.activate(module)
    ids = module.tokenizer(german[0], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        hidden = composition.backbone(input_ids=ids).last_hidden_state[0]
    expected = normalize(hidden[-1] if encoder.base.pooling == "last" else hidden.mean(0), dim=-1)
    np.testing.assert_allclose(encoder.encode(german[0], "deu"), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_prompt_length_and_pooling_are_those_of_the_module(
    bases: Bases, tmp_path: Path, german: list[str], pooling: str
) -> None:
    base = bases("bert")
    module = make_language(base, tmp_path / "deu", "deu", 1, prompt="Frage: ", max_length=9, pooling=pooling)
    encoder = ModularEncoder(base.copy(), [module.folder], device="cpu")
    composition = Composition(base.copy())
    composition.activate(module)
    ids = torch.tensor([base.tokenizer("Frage: " + german[0], truncation=True, max_length=9)["input_ids"]])
    assert ids.shape == (1, 9)
    with torch.no_grad():
        hidden = composition.backbone(input_ids=ids).last_hidden_state[0]
    own = prompt_length(base.tokenizer, "Frage: ")
    assert 1 < own < 9
    expected = {"mean": hidden.mean(0), WITHOUT_PROMPT: hidden[own:].mean(0), "cls": hidden[0], "last": hidden[-1]}[
        pooling
    ]
    np.testing.assert_allclose(encoder.encode(german[0], "deu", normalize=False), expected.numpy(), atol=1e-5)


def test_pooling_leaves_padding_out() -> None:
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    assert torch.equal(pool(hidden, mask, "mean"), torch.tensor([[2.0, 4.0], [2.0, 2.0]]))
    assert torch.equal(pool(hidden, mask, "cls"), hidden[:, 0])
    assert torch.equal(pool(hidden, mask, "last"), torch.tensor([[3.0, 6.0], [3.0, 3.0]]))
    assert pool(hidden.to(torch.bfloat16), mask, "mean").dtype == torch.float32


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_is_the_same_whichever_side_is_padded(pooling: str) -> None:
    hidden = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
    right, left = torch.full((3, 9, 4), 100.0), torch.full((3, 9, 4), -100.0)
    right_mask, left_mask = torch.zeros(3, 9, dtype=torch.long), torch.zeros(3, 9, dtype=torch.long)
    for row, length in enumerate((6, 3, 1)):
        right[row, :length], right_mask[row, :length] = hidden[row, :length], 1
        left[row, 9 - length :], left_mask[row, 9 - length :] = hidden[row, :length], 1
    torch.testing.assert_close(pool(left, left_mask, pooling, 2), pool(right, right_mask, pooling, 2))


def test_pooling_leaves_the_prompt_out_if_there_is_more() -> None:
    hidden = torch.tensor([[[9.0], [1.0], [100.0]], [[9.0], [2.0], [3.0]], [[7.0], [100.0], [100.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0]])
    assert torch.equal(pool(hidden, mask, WITHOUT_PROMPT, 1), torch.tensor([[1.0], [2.5], [7.0]]))
    assert torch.equal(pool(hidden, mask, WITHOUT_PROMPT), pool(hidden, mask, "mean"))
    assert torch.equal(pool(hidden, mask, "mean", 1), pool(hidden, mask, "mean"))


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "modernbert", "m2m_100"])
def test_every_sequence_starts_with_the_tokens_of_the_prompt(
    bases: Bases, german: list[str], architecture: str
) -> None:
    tokenizer = bases(architecture).tokenizer
    own = prompt_length(tokenizer, "Frage: ")
    starts = {tuple(tokenizer("Frage: " + sentence)["input_ids"][:own]) for sentence in german}
    assert len(starts) == 1
    rests = [tokenizer("Frage: " + sentence)["input_ids"][own:] for sentence in german]
    plain = [tokenizer(sentence)["input_ids"] for sentence in german]
    assert all(len(rest) <= len(whole) for rest, whole in zip(rests, plain, strict=True))
    assert len({rest[0] for rest in rests}) > 1
    assert prompt_length(tokenizer, "") == 0


def test_a_tokenizer_with_another_padding_id_is_refused(shelf: Shelf) -> None:
    tokenizer = build_tokenizer("unigram", 300)
    other = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, pad_token="</s>", unk_token="<unk>")
    with pytest.raises(CompositionError, match="module 'deu' has padding id 2, the base 1: the module is not usable"):
        module_tokenizer(shelf.base, dataclasses.replace(shelf.deu, tokenizer=other))


def test_a_module_in_memory_works_in_two_encoders(shelf: Shelf, german: list[str], kazakh: list[str]) -> None:
    first, second = shelf.encoder(), shelf.encoder()
    modules = LanguageModule.load(shelf.deu.folder), LanguageModule.load(shelf.kaz.folder)
    for encoder in (first, second):
        for module in modules:
            encoder.add_module(module)
    expected = shelf.encoder(shelf.deu.folder).encode(german, "deu")
    np.testing.assert_array_equal(first.encode(german, "deu"), expected)
    second.encode(kazakh, "kaz")
    first.encode(kazakh, "kaz")
    np.testing.assert_array_equal(second.encode(german, "deu"), expected)
    first.remove_module("deu")
    np.testing.assert_array_equal(second.encode(german, "deu"), expected)
    assert modules[0].embeddings is not None


def test_an_adapter_in_memory_works_in_encoders_of_different_precision(shelf: Shelf, german: list[str]) -> None:
    exact = shelf.encoder(shelf.deu.folder, shelf.deu_both.folder).encode(german, "deu", align=True)
    half = ModularEncoder(shelf.base.copy(), [shelf.deu.folder], device="cpu", dtype=torch.bfloat16)
    full = shelf.encoder(shelf.deu.folder)
    for encoder in (half, full):
        encoder.add_module(shelf.deu_both)
    np.testing.assert_allclose(half.encode(german, "deu", align=True), exact, atol=0.05)
    np.testing.assert_array_equal(full.encode(german, "deu", align=True), exact)
