"""Several languages as one SentenceTransformer that composes them."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from adapters_hub import AdaptersHubError, CompositionError, InputTextError, ModularEncoder, ModuleFormatError
from adapters_hub.bridges import export_composed
from tests.adapters_hub.bridges.conftest import Texts
from tests.adapters_hub.builders import edit_json, make_language
from tests.adapters_hub.conftest import Shelf
from tests.conftest import ARCHITECTURES


def load(folder: Path, **options: Any) -> SentenceTransformer:
    return SentenceTransformer(str(folder), trust_remote_code=True, device="cpu", **options)


@pytest.fixture(scope="module")
def folder(encoder: ModularEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A composed export of all languages, with German as the default."""
    target = tmp_path_factory.mktemp("composed") / "all"
    return export_composed(encoder, None, target, default_language="deu")


@pytest.fixture(scope="module")
def model(folder: Path) -> SentenceTransformer:
    """The composed export, loaded."""
    return load(folder)


@pytest.mark.parametrize(
    ("language", "align"),
    [
        ("deu", False),
        ("deu", True),
        ("kaz", False),
        ("kaz", {"kaz": "paraphrase"}),
        ("kaz", {"kaz": {"paraphrase": 0.7, "parallel": 0.3}}),
        ("eng", True),
    ],
)
def test_language_and_alignment_are_chosen_per_call(
    model: SentenceTransformer, encoder: ModularEncoder, texts: Texts, language: str, align: Any
) -> None:
    expected = encoder.encode(texts[language], language, align=align)
    found = model.encode(texts[language], language=language, align=align, batch_size=4)
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_gives_the_encoders_vectors_on_every_architecture(
    aligned_on: Callable[[str], ModularEncoder], texts: Texts, tmp_path: Path, architecture: str
) -> None:
    encoder = aligned_on(architecture)
    folder = export_composed(encoder, None, tmp_path / "all", include_base=True)
    model = load(shutil.move(folder, tmp_path / "elsewhere"))
    for language, align in (("deu", True), ("deu", False), ("eng", False)):
        found = model.encode(texts[language], language=language, align=align, batch_size=4)
        np.testing.assert_allclose(found, encoder.encode(texts[language], language, align=align), atol=2e-6)


def test_without_a_language_the_default_one_is_meant(
    model: SentenceTransformer, encoder: ModularEncoder, texts: Texts
) -> None:
    expected = encoder.encode(texts.deu, "deu")
    np.testing.assert_allclose(model.encode(texts.deu), expected, atol=2e-6)
    np.testing.assert_allclose(model.encode_query(texts.deu), expected, atol=2e-6)
    np.testing.assert_allclose(model.encode(texts.deu[0]), expected[0], atol=2e-6)
    assert model.get_embedding_dimension() == encoder.dimension
    assert model.max_seq_length == 64
    assert sorted(model.get_model_kwargs()) == ["align", "empty", "language"]


def test_a_default_alignment_is_recorded_and_can_be_switched_off(
    encoder: ModularEncoder, texts: Texts, tmp_path: Path
) -> None:
    align = {"kaz": {"paraphrase": 0.7, "parallel": 0.3}}
    model = load(export_composed(encoder, ["kaz", "eng"], tmp_path / "two", align=align))
    np.testing.assert_allclose(model.encode(texts.kaz), encoder.encode(texts.kaz, "kaz", align=align), atol=2e-6)
    np.testing.assert_allclose(model.encode(texts.kaz, align=False), encoder.encode(texts.kaz, "kaz"), atol=2e-6)
    np.testing.assert_allclose(model.encode(texts.eng, language="eng"), encoder.encode(texts.eng, "eng"), atol=2e-6)
    with pytest.raises(InputTextError, match=r"'deu' is not loaded \(loaded: kaz, eng\)"):
        model.encode(texts.deu, language="deu")


def test_a_folder_with_the_base_in_it_needs_nothing_else(encoder: ModularEncoder, texts: Texts, tmp_path: Path) -> None:
    folder = export_composed(encoder, ["deu"], tmp_path / "deu", include_base=True)
    moved = shutil.move(folder, tmp_path / "elsewhere")
    assert str(encoder.base.source) not in (moved / "modular_encoder.json").read_text(encoding="utf-8")
    model = load(moved)
    expected = encoder.encode(texts.deu, "deu", align=True)
    np.testing.assert_allclose(model.encode(texts.deu, align=True), expected, atol=2e-6)
    model.save(str(tmp_path / "again"), create_model_card=False)
    shutil.rmtree(moved)
    np.testing.assert_allclose(load(tmp_path / "again").encode(texts.deu, align=True), expected, atol=2e-6)


def test_the_encoder_still_works_after_an_export(encoder: ModularEncoder, texts: Texts, tmp_path: Path) -> None:
    before = encoder.encode(texts.kaz, "kaz")
    export_composed(encoder, None, tmp_path / "all", include_base=True)
    np.testing.assert_array_equal(encoder.encode(texts.kaz, "kaz"), before)


def test_what_was_replaced_in_its_folder_is_not_exported_as_what_is_loaded(shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    encoder = shelf.encoder(folder)
    shutil.rmtree(folder)
    make_language(shelf.base, folder, "deu", 500)
    with pytest.raises(CompositionError, match=r"deu holds another module"):
        export_composed(encoder, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_it_loads_only_where_its_code_is_trusted(folder: Path) -> None:
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        SentenceTransformer(str(folder), device="cpu")


def test_another_place_of_the_base_can_be_given(
    folder: Path, encoder: ModularEncoder, texts: Texts, tmp_path: Path
) -> None:
    moved = shutil.copytree(folder, tmp_path / "moved")
    base = shutil.copytree(encoder.base.checkpoint, tmp_path / "base")
    facts = json.loads((moved / "modular_encoder.json").read_text(encoding="utf-8"))
    edit_json(moved / "modular_encoder.json", base=facts["base"] | {"source": str(tmp_path / "gone")})
    with pytest.raises(AdaptersHubError, match="no base encoder at"):
        load(moved)
    model = load(moved, model_kwargs={"base": str(base)})
    np.testing.assert_allclose(model.encode(texts.deu), encoder.encode(texts.deu, "deu"), atol=2e-6)


def test_another_base_is_refused(folder: Path, bases: Any) -> None:
    with pytest.raises(AdaptersHubError, match=r"was made for the base .* name the source of that base"):
        load(folder, model_kwargs={"base": bases("bert").checkpoint})


def test_copies_and_other_precisions_and_processes_work(
    model: SentenceTransformer, encoder: ModularEncoder, texts: Texts
) -> None:
    expected = encoder.encode(texts.deu, "deu", align=True)
    again = pickle.loads(pickle.dumps(model[0]))
    np.testing.assert_allclose(again.encoder.encode(texts.deu, "deu", align=True), expected, atol=2e-6)
    half = copy.deepcopy(model).bfloat16()
    np.testing.assert_allclose(half.encode(texts.deu, align=True), expected, atol=0.05)
    assert half[0].encoder.dtype == torch.bfloat16
    assert model[0].encoder.dtype == torch.float32


def test_the_language_of_each_sentence_can_be_detected(
    model: SentenceTransformer, encoder: ModularEncoder, texts: Texts
) -> None:
    mixed = [*texts.deu, *texts.eng, *texts.kaz]
    found = model.encode(mixed, language="auto")
    np.testing.assert_allclose(found, encoder.encode(mixed, "auto"), atol=2e-6)
    assert np.abs(found - model.encode(mixed, language="deu")).max() > 0.01


def test_what_a_call_cannot_say_is_refused_in_one_line(model: SentenceTransformer, texts: Texts) -> None:
    with pytest.raises(InputTextError, match=r"language 'fin' is not loaded \(loaded: eng, deu, kaz\)"):
        model.encode(texts.deu, language="fin")
    with pytest.raises(InputTextError, match="expected one language for all sentences of a call, found list"):
        model.encode(texts.deu[:2], language=["deu", "eng"])
    with pytest.raises(InputTextError, match="each language module has its own prompt"):
        model.encode(texts.deu, prompt="query: ")
    with pytest.raises(InputTextError, match="sentence 0 is empty: leave it out"):
        model.encode([" "])
    with pytest.raises(InputTextError, match="are empty: .*numbered within a batch, which sentence-transformers sorts"):
        model.encode(["", "Ja.", " "])


def test_missing_sentences_have_no_vector_if_they_may_be_missing(model: SentenceTransformer, texts: Texts) -> None:
    found = model.encode(["", texts.deu[0], " "], language="deu", empty="missing")
    assert np.isnan(found[[0, 2]]).all()
    np.testing.assert_allclose(found[1], model.encode(texts.deu[0], language="deu"), atol=1e-6)


def test_an_export_of_what_is_not_there_is_refused(encoder: ModularEncoder, tmp_path: Path) -> None:
    for languages, options, message in [
        (["fin"], {}, "language 'fin' is not loaded"),
        ([], {}, "default language None is not among those to export"),
        (["deu"], {"default_language": "kaz"}, "default language 'kaz' is not among those to export"),
        (["deu"], {"align": {"kaz": "parallel"}}, "align names 'kaz', which is not loaded"),
        (["kaz"], {"align": True}, "align=True is ambiguous for 'kaz'"),
    ]:
        with pytest.raises(AdaptersHubError, match=message):
            export_composed(encoder, languages, tmp_path / "x", **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modules": ["../deu"]}, r"the file name '\.\./deu' leaves the module folder"),
        ({"modules": ["/deu"]}, "leaves the module folder"),
        ({"modules": [5]}, "a module folder cannot be 5"),
        ({"base": {"source": "../base", "inside": True, "fingerprint": ""}}, "leaves the module folder"),
        ({"base": {}}, "'base' names no source and fingerprint"),
        ({"format_version": 2}, "expected format_version 1, found 2: pip install --upgrade"),
        ({"align": 3}, "'align' cannot be 3"),
        ({"default_language": "fin"}, "the default language 'fin' has no module in it"),
    ],
)
def test_a_folder_that_was_tampered_with_is_refused(
    folder: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    copied = shutil.copytree(folder, tmp_path / "copy")
    edit_json(copied / "modular_encoder.json", **change)
    with pytest.raises(ModuleFormatError, match=message):
        load(copied)


def test_a_damaged_module_is_refused(folder: Path, tmp_path: Path, shelf: Shelf) -> None:
    copied = shutil.copytree(folder, tmp_path / "copy")
    path = copied / "modules" / shelf.deu.manifest.name / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(ModuleFormatError, match=r"tokenizer\.json"):
        load(copied)
    (copied / "modular_encoder.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModuleFormatError, match="is not valid JSON"):
        load(copied)
