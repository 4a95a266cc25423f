"""Which modules an encoder takes, and which it refuses because they do not belong together."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from adapters_hub import AdaptersHubError, CompositionError, InputTextError, ModularEncoder, ModuleFormatError
from tests.adapters_hub.builders import make_language, own_copy
from tests.adapters_hub.conftest import Bases, Shelf


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
    encoder = ModularEncoder(own_copy(other), device="cpu")
    for module in (shelf.deu, shelf.deu_both):
        with pytest.raises(CompositionError, match="load that base, or a module made for this one") as caught:
            encoder.add_module(module.folder)
        for fingerprint in (shelf.base.fingerprint, other.fingerprint):
            assert fingerprint[:12] in str(caught.value)
    assert encoder.languages == []


def test_an_adapter_needs_its_language_first(shelf: Shelf) -> None:
    with pytest.raises(CompositionError, match="needs its language module: add the module of 'deu' first"):
        shelf.encoder(shelf.eng.folder).add_module(shelf.deu_both.folder)


@pytest.fixture(scope="module")
def others(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another German and another English module, of the same base."""
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
