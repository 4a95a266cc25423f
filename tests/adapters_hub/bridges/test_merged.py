"""One language exported as a plain SentenceTransformer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from adapters_hub import AdaptersHubError, CompositionError, ModularEncoder
from adapters_hub.bridges import export_merged
from adapters_hub.encoder import Extract
from adapters_hub.format import WITHOUT_PROMPT
from tests.adapters_hub.bridges.conftest import Texts
from tests.adapters_hub.builders import make_language
from tests.adapters_hub.conftest import Bases, Shelf
from tests.conftest import ARCHITECTURES, build_tokenizer


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_gives_the_encoders_vectors_on_every_architecture(
    aligned_on: Callable[[str], ModularEncoder], texts: Texts, tmp_path: Path, architecture: str
) -> None:
    encoder = aligned_on(architecture)
    encoder.encode(texts.eng, "eng")  # the result must not depend on the language that was active before
    folder = export_merged(encoder, "deu", tmp_path / "deu")
    moved = shutil.move(folder, tmp_path / "elsewhere")
    model = SentenceTransformer(str(moved), device="cpu")
    expected = encoder.encode(texts.deu, "deu")
    np.testing.assert_allclose(model.encode(texts.deu), expected, atol=2e-6)
    np.testing.assert_allclose(model.encode_query(texts.deu), expected, atol=2e-6)
    np.testing.assert_allclose(model.encode(texts.deu[0]), expected[0], atol=2e-6)
    assert (model.max_seq_length, model.get_embedding_dimension()) == (31, encoder.dimension)


def test_a_prompt_that_would_be_counted_differently_is_refused(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    options = {"prompt": "Frage: ", "pooling": WITHOUT_PROMPT}
    deu = make_language(base, tmp_path / "deu", "deu", 1, build_tokenizer("bpe", 400), **options)
    encoder = ModularEncoder(base.copy(), [deu.folder], device="cpu")
    with pytest.raises(AdaptersHubError, match="first token of every deu sentence"):
        export_merged(encoder, "deu", tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_every_language_is_exported_with_its_own_vocabulary(
    encoder: ModularEncoder, texts: Texts, tmp_path: Path
) -> None:
    for language in ("eng", "kaz"):
        before = encoder.encode(texts[language], language)
        model = SentenceTransformer(str(export_merged(encoder, language, tmp_path / language)), device="cpu")
        np.testing.assert_allclose(model.encode(texts[language]), before, atol=2e-6)
        np.testing.assert_array_equal(encoder.encode(texts[language], language), before)


def test_it_holds_safetensors_and_no_trace_of_where_it_was_made(encoder: ModularEncoder, tmp_path: Path) -> None:
    folder = export_merged(encoder, "deu", tmp_path / "deu")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert "model.safetensors" in files
    assert [name for name in files if not name.endswith((".safetensors", ".json"))] == ["README.md"]
    for name in files:
        if name.endswith(".json"):
            assert str(tmp_path.parent.parent) not in (folder / name).read_text(encoding="utf-8"), name


def test_a_saved_copy_gives_the_same_vectors(encoder: ModularEncoder, texts: Texts, tmp_path: Path) -> None:
    first = SentenceTransformer(str(export_merged(encoder, "deu", tmp_path / "deu")), device="cpu")
    first.save(str(tmp_path / "again"), create_model_card=False)
    again = SentenceTransformer(str(tmp_path / "again"), device="cpu")
    np.testing.assert_array_equal(again.encode(texts.deu), first.encode(texts.deu))


@pytest.mark.parametrize("align", [True, {"deu": "both"}])
def test_an_alignment_is_refused_with_what_to_use_instead(encoder: ModularEncoder, tmp_path: Path, align: bool) -> None:
    with pytest.raises(AdaptersHubError, match="not linear and cannot be merged.*export_composed.*export_onnx"):
        export_merged(encoder, "deu", tmp_path / "deu", align=align)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_replaced_only_on_request(encoder: ModularEncoder, tmp_path: Path) -> None:
    (tmp_path / "deu").mkdir()
    with pytest.raises(AdaptersHubError, match="exists already"):
        export_merged(encoder, "deu", tmp_path / "deu")
    assert (export_merged(encoder, "deu", tmp_path / "deu", replace=True) / "modules.json").is_file()


def test_a_language_that_is_not_loaded_is_refused(encoder: ModularEncoder, tmp_path: Path) -> None:
    with pytest.raises(CompositionError, match="language 'fin' is not loaded"):
        export_merged(encoder, "fin", tmp_path / "fin")


def test_an_encoder_in_half_precision_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    half = ModularEncoder(shelf.base.copy(), [shelf.deu.folder], device="cpu", dtype=torch.bfloat16)
    with pytest.raises(AdaptersHubError, match=r"in float32, this one is in bfloat16: load it with"):
        export_merged(half, "deu", tmp_path / "deu")


def test_an_export_that_gives_other_vectors_is_not_written(
    encoder: ModularEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Extract.vectors
    monkeypatch.setattr(Extract, "vectors", lambda *args: honest(*args) + 0.01)
    with pytest.raises(AdaptersHubError, match=r"was not written: its vectors differ by 1.0e-02 .*at most 1e-04"):
        export_merged(encoder, "deu", tmp_path / "deu")
    assert not list(tmp_path.iterdir())
