"""Which modules an encoder accepts, and which it refuses because they do not belong together."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from adapters_hub import (
    AdaptersHubError,
    CompositionError,
    InputTextError,
    LanguageModule,
    ModularEncoder,
    ModuleFormatError,
)
from adapters_hub.modules import save_language_module, write_vocabulary
from tests.adapters_hub.builders import language_manifest, make_language
from tests.adapters_hub.conftest import Bases, Shelf
from tests.conftest import build_tokenizer


def test_modules_may_be_given_in_any_order(shelf: Shelf, german: list[str]) -> None:
    backwards = shelf.encoder(*reversed(shelf.folders))
    assert sorted(backwards.languages) == ["deu", "eng", "kaz"]
    assert {code: set(objectives) for code, objectives in backwards.alignments.items()} == {
        "eng": set(),
        "deu": {"both"},
        "kaz": {"paraphrase", "parallel"},
    }
    forwards = shelf.encoder(*shelf.folders)
    np.testing.assert_array_equal(
        backwards.encode(german, "deu", align=True), forwards.encode(german, "deu", align=True)
    )


def test_the_base_is_taken_from_the_first_language_module(shelf: Shelf, german: list[str]) -> None:
    encoder = ModularEncoder(modules=[shelf.deu_both.folder, shelf.deu.folder], device="cpu")
    assert encoder.base.fingerprint == shelf.base.fingerprint
    expected = shelf.encoder(shelf.deu.folder).encode(german, "deu")
    np.testing.assert_array_equal(encoder.encode(german, "deu"), expected)
    by_path = ModularEncoder(shelf.base.checkpoint, [shelf.deu.folder], device="cpu")
    np.testing.assert_array_equal(by_path.encode(german, "deu"), expected)


def test_without_base_and_language_module_it_says_what_to_give(shelf: Shelf) -> None:
    for modules in ([], [shelf.deu_both.folder]):
        with pytest.raises(AdaptersHubError, match="no base: give one .* or at least one language module"):
            ModularEncoder(modules=modules)


def test_a_module_for_another_base_is_refused_with_both_fingerprints(shelf: Shelf, bases: Bases) -> None:
    other = bases("bert")
    encoder = ModularEncoder(other.copy(), device="cpu")
    for module in (shelf.deu, shelf.deu_both):
        with pytest.raises(CompositionError, match="load that base, or a module made for this one") as caught:
            encoder.add_module(module.folder)
        for fingerprint in (shelf.base.fingerprint, other.fingerprint):
            assert fingerprint[:12] in str(caught.value)
    assert encoder.languages == []


@pytest.fixture(scope="module")
def with_tokenizer(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> LanguageModule:
    """A module with its own tokenizer for the base's embeddings."""
    folder = tmp_path_factory.mktemp("tokenizer")
    write_vocabulary(folder / "tokenizer", shelf.base.tokenizer, None)
    parts = {"tokenizer": folder / "tokenizer", "sentence_adapter": shelf.eng.folder / "sentence_adapter"}
    manifest = language_manifest(shelf.base, "eng", vocabulary_fingerprint=shelf.base.vocabulary_fingerprint(parts))
    return save_language_module(folder / "eng", manifest, parts)


def other_embeddings(folder: Path) -> None:
    """Reverse the embedding rows of a base."""
    tensors = load_file(folder / "model.safetensors")
    (name,) = (name for name in tensors if name.endswith("word_embeddings.weight"))
    tensors[name] = tensors[name].flip(0)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def other_tokens(folder: Path) -> None:
    """Swap two tokens in a base's tokenizer, so that each gets the other's embedding."""
    values = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = values["model"]["vocab"]
    vocabulary[20], vocabulary[21] = vocabulary[21], vocabulary[20]
    (folder / "tokenizer.json").write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize("change", [other_embeddings, other_tokens])
def test_a_module_that_uses_the_bases_vocabulary_is_refused_on_the_same_transformer_with_another(
    shelf: Shelf, with_tokenizer: LanguageModule, tmp_path: Path, german: list[str], change: Callable[[Path], None]
) -> None:
    copy = shutil.copytree(shelf.base.checkpoint, tmp_path / "base")
    change(copy)
    other = ModularEncoder(copy, [shelf.deu.folder], device="cpu")
    assert other.base.fingerprint == shelf.base.fingerprint
    with pytest.raises(
        CompositionError, match="module of 'eng' was trained on the vocabulary of base .*load that base"
    ):
        other.add_module(shelf.eng.folder)
    if change is other_embeddings:
        with pytest.raises(CompositionError, match="the loaded base has another"):
            other.add_module(with_tokenizer.folder)
    else:
        other.add_module(with_tokenizer.folder)
    expected = shelf.encoder(shelf.deu.folder).encode(german, "deu")
    np.testing.assert_array_equal(other.encode(german, "deu"), expected)


def test_modules_that_do_not_say_which_vocabulary_they_use_are_told_apart_by_their_fingerprints(
    shelf: Shelf, tmp_path: Path
) -> None:
    module = make_language(shelf.base, tmp_path / "eng", "eng", 10, vocabulary_fingerprint=None)
    assert "vocabulary_fingerprint" not in (module.folder / "module.json").read_text(encoding="utf-8")
    copy = shutil.copytree(shelf.base.checkpoint, tmp_path / "base")
    other_embeddings(copy)
    here, there = shelf.encoder(module.folder), ModularEncoder(copy, [module.folder], device="cpu")
    assert here.fingerprints("eng")[0] == there.fingerprints("eng")[0]
    assert here.fingerprints("eng") != there.fingerprints("eng")


@pytest.mark.parametrize("architecture", ["xlm-roberta", "m2m_100"])
def test_the_vocabulary_of_the_base_is_its_own_in_every_precision_and_after_any_language(
    bases: Bases, tmp_path: Path, german: list[str], architecture: str
) -> None:
    base = bases(architecture)
    keeps = make_language(base, tmp_path / "eng", "eng", 1)
    own = make_language(base, tmp_path / "deu", "deu", 2, build_tokenizer("bpe", 400))
    for dtype in (torch.float32, torch.bfloat16):
        encoder = ModularEncoder(base.copy(), [own.folder], device="cpu", dtype=dtype)
        encoder.encode(german, "deu")
        encoder.add_module(keeps.folder)


def test_the_vocabulary_of_the_base_is_read_only_for_modules_that_use_it(shelf: Shelf, german: list[str]) -> None:
    encoder = shelf.encoder(shelf.deu.folder, shelf.kaz.folder)
    encoder.encode(german, "deu")
    assert encoder.fingerprints("deu") == (shelf.deu.manifest.fingerprint,)
    assert "embeddings_fingerprint" not in vars(encoder.base)
    encoder.add_module(shelf.eng.folder)
    assert "embeddings_fingerprint" in vars(encoder.base)


@pytest.mark.parametrize("active", ["deu", "large"])
def test_whether_a_tokenizer_fits_the_base_does_not_depend_on_the_language_that_was_used_last(
    shelf: Shelf, with_tokenizer: LanguageModule, tmp_path: Path, german: list[str], active: str
) -> None:
    rows = len(shelf.base.own_embeddings)
    tokenizer = deepcopy(shelf.base.tokenizer)
    tokenizer.add_tokens([f"token{number}" for number in range(rows)])
    large = make_language(shelf.base, tmp_path / "large", "deu", 1, tokenizer)
    encoder = shelf.encoder({"deu": shelf.deu, "large": large}[active].folder)
    encoder.encode(german, "deu")
    encoder.add_module(with_tokenizer.folder)
    too_large = dataclasses.replace(LanguageModule.load(with_tokenizer.folder), tokenizer=tokenizer)
    encoder.remove_module("eng")
    encoder.encode(german, "deu")
    with pytest.raises(ModuleFormatError, match=f"tokens, the base's embeddings {rows} rows"):
        encoder.add_module(too_large)


def test_an_adapter_needs_its_language_first(shelf: Shelf) -> None:
    with pytest.raises(CompositionError, match="needs its language module: add the module of 'deu' first"):
        shelf.encoder(shelf.eng.folder).add_module(shelf.deu_both.folder)


@pytest.fixture(scope="module")
def others(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second German and a second English module of the same base."""
    folder = tmp_path_factory.mktemp("others")
    make_language(shelf.base, folder / "deu", "deu", 500)
    make_language(shelf.base, folder / "eng", "eng", 600)
    return folder


def test_an_adapter_for_another_module_of_the_language_is_refused(shelf: Shelf, others: Path) -> None:
    encoder = shelf.encoder(others / "deu")
    with pytest.raises(CompositionError, match="was trained with another target module of 'deu'.*train the adapter"):
        encoder.add_module(shelf.deu_both.folder)
    assert encoder.alignments == {"deu": []}


def test_a_pivot_that_the_adapter_was_not_trained_with_is_refused_in_both_orders(shelf: Shelf, others: Path) -> None:
    pivot_first = shelf.encoder(others / "eng", shelf.deu.folder)
    with pytest.raises(CompositionError, match="another pivot module of 'eng'"):
        pivot_first.add_module(shelf.deu_both.folder)
    assert pivot_first.alignments == {"eng": [], "deu": []}
    pivot_last = shelf.encoder(shelf.deu.folder, shelf.deu_both.folder)
    with pytest.raises(CompositionError, match="another pivot module of 'eng'"):
        pivot_last.add_module(others / "eng")
    assert pivot_last.languages == ["deu"]
    pivot_last.add_module(shelf.eng.folder)


def test_a_module_that_is_there_already_is_refused_with_how_to_replace_it(shelf: Shelf) -> None:
    encoder = shelf.encoder(*shelf.folders)
    with pytest.raises(CompositionError, match=r"'deu' is loaded already: remove_module\('deu'\) first"):
        encoder.add_module(shelf.deu.folder)
    with pytest.raises(CompositionError, match=r"alignment adapter 'both' already: remove_module\('deu', 'both'"):
        encoder.add_module(shelf.deu_both.folder)


def test_removing_a_language_removes_its_adapters(shelf: Shelf, german: list[str]) -> None:
    encoder = shelf.encoder(*shelf.folders)
    encoder.encode(german, "deu", align=True)
    encoder.remove_module("deu")
    assert encoder.languages == ["eng", "kaz"]
    with pytest.raises(InputTextError, match="'deu' is not loaded"):
        encoder.encode(german, "deu")
    encoder.add_module(shelf.deu.folder)
    assert encoder.alignments["deu"] == []


def test_removing_one_adapter_keeps_the_language_and_the_others(shelf: Shelf, kazakh: list[str]) -> None:
    encoder = shelf.encoder(*shelf.folders)
    encoder.encode(kazakh, "kaz", align={"kaz": ["paraphrase", "parallel"]})
    encoder.remove_module("kaz", "parallel")
    assert encoder.alignments["kaz"] == ["paraphrase"]
    with pytest.raises(InputTextError, match="no alignment adapter 'parallel' for 'kaz'"):
        encoder.encode(kazakh, "kaz", align={"kaz": ["paraphrase", "parallel"]})
    encoder.encode(kazakh, "kaz", align=True)


def test_removing_what_is_not_loaded_is_refused(shelf: Shelf) -> None:
    encoder = shelf.encoder(shelf.deu.folder)
    with pytest.raises(CompositionError, match="language 'kaz' is not loaded"):
        encoder.remove_module("kaz")
    with pytest.raises(CompositionError, match="alignment adapter 'both' of 'deu' is not loaded"):
        encoder.remove_module("deu", "both")


def test_a_damaged_folder_is_refused_and_leaves_the_encoder_as_it_was(
    shelf: Shelf, tmp_path: Path, german: list[str]
) -> None:
    encoder = shelf.encoder(shelf.deu.folder)
    expected = encoder.encode(german, "deu")
    copy = shutil.copytree(shelf.kaz.folder, tmp_path / "kaz")
    (copy / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModuleFormatError, match=r"tokenizer\.json"):
        encoder.add_module(copy)
    assert encoder.languages == ["deu"]
    np.testing.assert_array_equal(encoder.encode(german, "deu"), expected)


def test_verification_may_be_left_out(shelf: Shelf, tmp_path: Path) -> None:
    copy = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    path = copy / "tokenizer_config.json"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    encoder = shelf.encoder()
    with pytest.raises(ModuleFormatError, match="tokenizer_config.json"):
        encoder.add_module(copy)
    encoder.add_module(copy, verify=False)
    assert encoder.languages == ["deu"]
