"""LoRA folders: what they compute, how PEFT reads them, and which options are refused."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel
from peft.functional import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize
from transformers import AutoModel

from adapters_hub import BaseEncoder, CompositionError, LanguageModule, ModularEncoder, ModuleFormatError
from adapters_hub.modules import LoRA, stack_loras
from tests.adapters_hub.builders import (
    edit_json,
    language_manifest,
    make_language,
    write_random_lora,
)
from tests.adapters_hub.conftest import Bases
from tests.conftest import ARCHITECTURES

# PEFT itself uses transformers this way when it wraps a model.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
SENTENCES = ["Guten Morgen!", "Am Abend gehen wir ins Kino, wenn es nicht regnet.", "Nein."]


@pytest.fixture
def folder(bases: Bases, tmp_path: Path) -> Path:
    """A LoRA folder that tests may damage."""
    return write_random_lora(bases("bert"), tmp_path / "lora", "lang_deu", 1)


def _plain_vectors(model: torch.nn.Module, base: BaseEncoder) -> np.ndarray:
    batch = base.tokenizer(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    if base.pooling == "last":
        assert base.tokenizer.padding_side == "left"
        return normalize(hidden[:, -1], dim=-1).numpy()
    mask = batch["attention_mask"][..., None]
    return normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).numpy()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_plain_peft_loads_both_loras_and_gives_the_same_vectors(
    bases: Bases, tmp_path: Path, architecture: str
) -> None:
    base = bases(architecture)
    module = make_language(base, tmp_path / "deu", "deu", 1)
    plain = AutoModel.from_pretrained(base.checkpoint)
    plain = plain.get_encoder() if architecture == "m2m_100" else plain
    untouched = _plain_vectors(plain.eval(), base)
    model = PeftModel.from_pretrained(plain, str(module.folder / "language_adapter"), adapter_name="lang_deu")
    model.load_adapter(str(module.folder / "sentence_adapter"), adapter_name="sent_deu")
    model.base_model.set_adapter(["lang_deu", "sent_deu"])
    found = ModularEncoder(base.copy(), [module.folder], device="cpu").encode(SENTENCES, "deu")
    np.testing.assert_allclose(found, _plain_vectors(model.eval(), base), atol=1e-5)
    assert np.abs(found - untouched).max() > 0.01
    for name, part in (("lang_deu", "language_adapter"), ("sent_deu", "sentence_adapter")):
        stored = load_file(module.folder / part / "adapter_model.safetensors")
        loaded = get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False)
        assert loaded.keys() == stored.keys()
        assert all(torch.equal(tensor, stored[key]) for key, tensor in loaded.items())


@pytest.mark.parametrize("parts", [("language_adapter",), ("sentence_adapter",)])
def test_a_single_lora_is_the_one_that_peft_applies(bases: Bases, tmp_path: Path, parts: tuple[str]) -> None:
    base = bases("bert")
    module = make_language(base, tmp_path / "deu", "deu", 1)
    plain = AutoModel.from_pretrained(base.checkpoint)
    model = PeftModel.from_pretrained(plain, str(module.folder / parts[0])).eval()
    alone = LanguageModule(
        language_manifest(base, "deu"), None, None, {parts[0]: module.loras[parts[0]]}, module.folder
    )
    encoder = ModularEncoder(base.copy(), device="cpu")
    encoder.add_module(alone)
    np.testing.assert_allclose(encoder.encode(SENTENCES, "deu"), _plain_vectors(model, base), atol=1e-5)


@pytest.mark.parametrize(("options", "scaling"), [({}, 2.0), ({"use_rslora": True}, 4.0)])
def test_the_change_of_a_weight_is_the_one_that_peft_merges(
    bases: Bases, tmp_path: Path, options: dict[str, Any], scaling: float
) -> None:
    base = bases("bert")
    lora = LoRA.read(write_random_lora(base, tmp_path / "lora", "lang_deu", 1, **options))
    assert lora.scaling == scaling
    plain = AutoModel.from_pretrained(base.checkpoint)
    merged = PeftModel.from_pretrained(plain, str(tmp_path / "lora")).merge_and_unload()
    layers = dict(base.backbone.named_modules())
    assert len(lora.factors) == 12
    for name, (a, b) in stack_loras([lora]).items():
        expected = merged.get_submodule(name).weight.detach()
        torch.testing.assert_close(layers[name].weight + b @ a, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("use_dora", True),
        ("bias", "all"),
        ("bias", "lora_only"),
        ("modules_to_save", ["pooler"]),
        ("rank_pattern", {"query": 2}),
        ("alpha_pattern", {"query": 2}),
        ("lora_bias", True),
        ("trainable_token_indices", [1]),
    ],
)
def test_options_that_would_be_computed_wrongly_are_refused(folder: Path, option: str, value: object) -> None:
    edit_json(folder / "adapter_config.json", **{option: value})
    with pytest.raises(ModuleFormatError, match=f"{option!r} is not supported"):
        LoRA.read(folder)


def test_a_dora_written_by_peft_is_refused(bases: Bases, tmp_path: Path) -> None:
    with pytest.raises(ModuleFormatError, match="'use_dora' is not supported"):
        LoRA.read(write_random_lora(bases("bert"), tmp_path / "dora", "lang_deu", 1, use_dora=True))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"peft_type": "IA3"}, "expected peft_type 'LORA', found 'IA3'"),
        ({"r": 0}, "no usable r and lora_alpha"),
        ({"r": "4"}, "no usable r and lora_alpha"),
        ({"lora_alpha": None}, "no usable r and lora_alpha"),
        ({"r": 8}, "has rank 4, adapter_config.json says 8"),
    ],
)
def test_an_unusable_configuration_is_refused(folder: Path, changes: dict[str, Any], words: str) -> None:
    edit_json(folder / "adapter_config.json", **changes)
    with pytest.raises(ModuleFormatError, match=words):
        LoRA.read(folder)


def test_factors_that_do_not_belong_together_are_refused(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    name = next(key for key in tensors if "lora_A" in key)
    for changed, words in (
        ({key: value for key, value in tensors.items() if key != name}, "the two factors of .* do not fit"),
        (tensors | {name: tensors[name][:2].clone()}, "the two factors of .* do not fit"),
        (tensors | {"base_model.model.something": torch.zeros(2, 2)}, "unexpected tensor"),
        (tensors | {name: torch.zeros(3)}, "unexpected tensor"),
    ):
        save_file(changed, path)
        with pytest.raises(ModuleFormatError, match=words):
            LoRA.read(folder)


def test_a_lora_for_layers_that_the_base_does_not_have_is_refused(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    lora = LoRA.read(write_random_lora(bases("modernbert"), tmp_path / "lora", "lang_deu", 1))
    with pytest.raises(ModuleFormatError, match="the base has no dense layer.*made for another base"):
        lora.check_fits(base.backbone, tmp_path)
    name, (a, b) = next(iter(LoRA.read(write_random_lora(base, tmp_path / "own", "x", 1)).factors.items()))
    with pytest.raises(ModuleFormatError, match=r"changes a weight of \[33, 32\], the base has \[32, 32\]"):
        LoRA({name: (a, torch.cat([b, b[:1]]))}, 1.0).check_fits(base.backbone, tmp_path)


def test_a_module_refuses_a_base_that_it_does_not_fit(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    module = make_language(base, tmp_path / "deu", "deu", 1)
    with pytest.raises(CompositionError, match=r"was trained on base .* not on the loaded base"):
        module.check_base(bases("xlm-roberta"))
    for changes in ({"max_length": 129}, {"dimension": 64}):
        copy = shutil.copytree(module.folder, tmp_path / next(iter(changes)))
        manifest = dataclasses.replace(module.manifest, **changes)
        dataclasses.replace(manifest, fingerprint=manifest.computed_fingerprint()).write(copy)
        with pytest.raises(ModuleFormatError, match="do not fit the base, which has dimension 32 and 128 positions"):
            LanguageModule.load(copy).check_base(base)


def test_the_written_configuration_is_for_inference_and_names_the_base(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    write_random_lora(base, tmp_path, "lang_deu", 1, base_model_name_or_path=base.source)
    config = LoraConfig.from_pretrained(str(tmp_path))
    assert config.inference_mode
    assert config.base_model_name_or_path == base.source
