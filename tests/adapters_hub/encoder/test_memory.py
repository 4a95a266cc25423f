"""How many modules are in memory, and that this does not affect the vectors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from adapters_hub import AdaptersHubError, CompositionError, LanguageModule, ModularEncoder
from adapters_hub.encoder import Composition
from tests.adapters_hub.builders import SCORE, edit_json, make_adapter, make_language
from tests.adapters_hub.conftest import Bases, Shelf
from tests.conftest import ARCHITECTURES, build_tokenizer

IDS = torch.tensor([[0, *range(10, 60), 2]])


@pytest.mark.parametrize("most", [1, 2])
def test_the_language_not_used_for_longest_is_unloaded_and_comes_back_with_the_same_bits(
    shelf: Shelf, german: list[str], kazakh: list[str], most: int
) -> None:
    whole = shelf.encoder(*shelf.folders)
    small = ModularEncoder(shelf.base.copy(), shelf.folders, device="cpu", max_loaded_modules=most)
    align = {"deu": "both", "kaz": {"paraphrase": 0.7, "parallel": 0.3}}
    assert small.languages == whole.languages
    assert small.alignments == whole.alignments
    for _ in range(2):
        for code, texts in (("deu", german), ("kaz", kazakh), ("eng", german)):
            np.testing.assert_array_equal(
                small.encode(texts, code, align=align), whole.encode(texts, code, align=align)
            )
            assert len(small.in_memory) == most
            assert small.in_memory[-1] == code
    both = [*german, *kazakh]
    codes = ["deu"] * len(german) + ["kaz"] * len(kazakh)
    np.testing.assert_array_equal(small.encode(both, codes, align=align), whole.encode(both, codes, align=align))
    assert small.fingerprints("eng") == whole.fingerprints("eng")


def test_an_adapter_added_to_an_unloaded_language_comes_with_it(shelf: Shelf, german: list[str]) -> None:
    encoder = ModularEncoder(
        shelf.base.copy(), [shelf.deu.folder, shelf.kaz.folder], device="cpu", max_loaded_modules=1
    )
    assert encoder.in_memory == ["kaz"]
    encoder.add_module(shelf.deu_both)
    expected = shelf.encoder(shelf.deu.folder, shelf.deu_both.folder).encode(german, "deu", align=True)
    np.testing.assert_array_equal(encoder.encode(german, "deu", align=True), expected)
    encoder.remove_module("deu", "both")
    assert encoder.alignments == {"deu": [], "kaz": []}
    encoder.remove_module("deu")
    assert encoder.in_memory == []


def test_an_unloaded_module_whose_folder_is_gone_is_told_in_one_line(shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    encoder = ModularEncoder(shelf.base.copy(), [folder, shelf.kaz.folder], device="cpu", max_loaded_modules=1)
    shutil.rmtree(folder)
    with pytest.raises(AdaptersHubError, match=r"deu"):
        encoder.encode("Ja.", "deu")
    assert encoder.encode("Иә.", "kaz").shape == (encoder.dimension,)


def test_an_unloaded_module_that_was_replaced_in_its_folder_is_refused_until_it_is_added_again(
    shelf: Shelf, tmp_path: Path, german: list[str]
) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    encoder = ModularEncoder(shelf.base.copy(), [folder, shelf.kaz.folder], device="cpu", max_loaded_modules=1)
    shutil.rmtree(folder)
    other = make_language(shelf.base, folder, "deu", 500)
    with pytest.raises(CompositionError, match=r"deu holds another module .*remove it from the encoder") as told:
        encoder.encode(german, "deu")
    for module in (shelf.deu, other):
        assert module.manifest.fingerprint[:12] in str(told.value)
    assert encoder.encode("Иә.", "kaz").shape == (encoder.dimension,)
    encoder.remove_module("deu")
    encoder.add_module(folder)
    np.testing.assert_array_equal(encoder.encode(german, "deu"), shelf.encoder(folder).encode(german, "deu"))


def test_an_adapter_that_was_replaced_while_its_language_was_unloaded_is_refused(
    shelf: Shelf, tmp_path: Path, german: list[str]
) -> None:
    folder = shutil.copytree(shelf.deu_both.folder, tmp_path / "both")
    encoder = ModularEncoder(
        shelf.base.copy(), [shelf.deu.folder, folder, shelf.kaz.folder], device="cpu", max_loaded_modules=1
    )
    expected = encoder.encode(german, "deu", align=True)
    encoder.encode("Иә.", "kaz")
    folder.rename(tmp_path / "kept")
    make_adapter(shelf.base, folder, ("both", shelf.deu, shelf.eng), 41)
    for _ in range(2):  # a failed read must leave nothing behind
        with pytest.raises(CompositionError, match=r"both holds another module"):
            encoder.encode(german, "deu", align=True)
    shutil.rmtree(folder)
    (tmp_path / "kept").rename(folder)
    np.testing.assert_array_equal(encoder.encode(german, "deu", align=True), expected)


def test_scores_written_into_an_unloaded_module_change_nothing(shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    encoder = ModularEncoder(shelf.base.copy(), [folder, shelf.kaz.folder], device="cpu", max_loaded_modules=1)
    edit_json(folder / "module.json", metrics=[SCORE])
    np.testing.assert_array_equal(encoder.encode("Ja.", "deu"), shelf.encoder(folder).encode("Ja.", "deu"))


def test_at_least_one_module_has_to_fit(shelf: Shelf) -> None:
    with pytest.raises(AdaptersHubError, match="max_loaded_modules must be at least 1, not 0"):
        ModularEncoder(shelf.base.copy(), device="cpu", max_loaded_modules=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loras_beside_the_weights_compute_what_merged_ones_do(bases: Bases, tmp_path: Path, architecture: str) -> None:
    base = bases(architecture)
    module = make_language(base, tmp_path / "deu", "deu", 1, build_tokenizer("bpe", 400))
    merged, beside = Composition(base.copy()), Composition(base.copy())
    merged.activate(module)
    beside.activate(module, merge=False)
    with torch.inference_mode():
        expected = merged.backbone(input_ids=IDS).last_hidden_state
        found = beside.backbone(input_ids=IDS).last_hidden_state
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)
        beside.activate(None)
        untouched = beside.backbone(input_ids=IDS).last_hidden_state
        assert torch.equal(untouched, base.copy().backbone(input_ids=IDS).last_hidden_state)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_embeddings_shared_with_the_file_give_the_same_bits(
    bases: Bases, tmp_path: Path, architecture: str, dtype: torch.dtype
) -> None:
    base = bases(architecture)
    folder = make_language(base, tmp_path / "deu", "deu", 1, build_tokenizer("bpe", 400)).folder
    module = LanguageModule.load(folder)
    assert module.embeddings is not None
    outputs = []
    for share in (True, False):
        composition = Composition(base.copy(), dtype=dtype)
        prepared = composition.prepare(module, share=share)
        composition.activate(prepared)
        with torch.inference_mode():
            outputs.append(composition.backbone(input_ids=IDS).last_hidden_state)
    assert torch.equal(*outputs)


def test_on_the_cpu_embeddings_stay_in_the_file(shelf: Shelf) -> None:
    module = LanguageModule.load(shelf.deu.folder)
    assert module.embeddings is not None
    encoder = ModularEncoder(shelf.base.copy(), device="cpu")
    encoder.add_module(module)
    language = encoder._engine.languages.get("deu")
    assert language.embeddings is not None
    assert language.embeddings.dtype == torch.float16
    assert language.embeddings.data_ptr() == module.embeddings.data_ptr()
