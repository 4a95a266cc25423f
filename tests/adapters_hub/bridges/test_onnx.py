"""One language exported as an ONNX graph."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters_hub import AdaptersHubError, InputTextError, ModularEncoder, ModuleFormatError
from adapters_hub.bridges import OnnxEncoder, export_onnx
from adapters_hub.bridges.onnx_encoder import FORMAT_VERSION
from tests.adapters_hub.bridges.conftest import Texts
from tests.adapters_hub.builders import edit_json
from tests.conftest import ARCHITECTURES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_gives_the_encoders_aligned_vectors_on_every_architecture(
    aligned_on: Callable[[str], ModularEncoder], texts: Texts, tmp_path: Path, architecture: str
) -> None:
    encoder = aligned_on(architecture)
    export_onnx(encoder, "deu", tmp_path / "deu", align=True)
    loaded = OnnxEncoder(shutil.move(tmp_path / "deu", tmp_path / "elsewhere"), threads=1)
    expected = encoder.encode(texts.deu, "deu", align=True)
    assert np.abs(expected - encoder.encode(texts.deu, "deu")).max() > 0.01
    for batch_size in (1, 5, 32):
        np.testing.assert_allclose(loaded.encode(texts.deu, batch_size=batch_size), expected, atol=1e-5)
    np.testing.assert_allclose(loaded.encode(texts.deu[0]), expected[0], atol=1e-5)


@pytest.fixture(scope="module")
def folder(encoder: ModularEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of Kazakh without alignment."""
    return export_onnx(encoder, "kaz", tmp_path_factory.mktemp("onnx") / "kaz")


def test_without_alignment_it_gives_the_encoders_own_vectors(
    folder: Path, encoder: ModularEncoder, texts: Texts
) -> None:
    loaded = OnnxEncoder(folder, threads=1)
    np.testing.assert_allclose(loaded.encode(texts.kaz), encoder.encode(texts.kaz, "kaz"), atol=1e-5)
    assert (loaded.language, loaded.dimension, loaded.encode([]).shape) == ("kaz", encoder.dimension, (0, 32))


def test_the_folder_says_what_it_is_and_not_where_it_was_made(folder: Path, encoder: ModularEncoder) -> None:
    config = json.loads((folder / "onnx_encoder.json").read_text(encoding="utf-8"))
    assert config["fingerprints"] == list(encoder.fingerprints("kaz"))
    assert (config["aligned"], config["prompt"], config["max_length"]) == (False, "", 64)
    assert {path.name for path in folder.iterdir()} == {
        "onnx", "onnx_encoder.json", "config.json", "tokenizer.json", "tokenizer_config.json", "README.md",
        "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling", "2_Normalize",
    }  # fmt: skip
    for path in filter(Path.is_file, folder.rglob("*")):
        assert b"site-packages" not in path.read_bytes()
        assert str(folder.parent.parent).encode() not in path.read_bytes()


def test_inputs_and_outputs_have_their_names_and_free_axes(folder: Path) -> None:
    session = OnnxEncoder(folder, threads=1)._session
    assert [entry.name for entry in session.get_inputs()] == ["input_ids", "attention_mask"]
    assert all(isinstance(axis, str) for entry in session.get_inputs() for axis in entry.shape)
    assert [entry.name for entry in session.get_outputs()] == ["last_hidden_state", "sentence_embedding"]


def test_it_runs_without_torch(folder: Path, encoder: ModularEncoder, texts: Texts) -> None:
    code = (
        "import sys, json\n"
        "sys.modules.update(dict.fromkeys(['torch', 'transformers', 'sentence_transformers', 'mteb']))\n"
        "from adapters_hub.bridges import OnnxEncoder\n"
        f"print(json.dumps(OnnxEncoder({str(folder)!r}, threads=1).encode({texts.kaz[:3]!r}).tolist()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(ran.stdout), encoder.encode(texts.kaz[:3], "kaz"), atol=1e-5)


def test_an_alignment_that_is_not_there_is_refused(encoder: ModularEncoder, tmp_path: Path) -> None:
    with pytest.raises(InputTextError, match="no alignment adapter 'both' for 'kaz'"):
        export_onnx(encoder, "kaz", tmp_path / "kaz", align={"kaz": "both"})
    with pytest.raises(InputTextError, match="align=True is ambiguous for 'kaz'"):
        export_onnx(encoder, "kaz", tmp_path / "kaz", align=True)
    assert not list(tmp_path.iterdir())


def test_a_graph_that_gives_other_vectors_is_not_written(
    folder: Path, encoder: ModularEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_another_language(composed: Any, path: Path) -> None:
        shutil.copyfile(folder / "onnx/model.onnx", path)

    monkeypatch.setattr("adapters_hub.bridges.onnx._write_graph", of_another_language)
    with pytest.raises(AdaptersHubError, match=r"eng was not written: its vectors differ by .* at most 1e-04"):
        export_onnx(encoder, "deu", tmp_path / "eng")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([""], "sentence 0 is empty: leave it out"),
        (["Жақсы.", None, " ", float("nan")], "sentences 1, 2, 3 of 4 are empty"),
        (["Жақсы.", 5], "sentence 1 is int, not a string"),
        (["Жақсы.", "Жа\udfff"], "sentence 1 has a lone surrogate at character 2"),
        ({"text": ["Жақсы."]}, "found dict of 'text': hand over one column"),
    ],
)
def test_what_is_not_a_sentence_is_refused_as_the_encoder_does(folder: Path, wrong: Any, words: str) -> None:
    with pytest.raises(InputTextError, match=words):
        OnnxEncoder(folder, threads=1).encode(wrong)


def test_missing_sentences_have_no_vector_if_they_may_be_missing(folder: Path, texts: Texts) -> None:
    onnx = OnnxEncoder(folder, threads=1)
    found = onnx.encode([texts.kaz[0], "", texts.kaz[1], None], empty="missing")  # type: ignore[list-item]
    assert np.isnan(found[[1, 3]]).all()
    np.testing.assert_allclose(found[[0, 2]], onnx.encode(texts.kaz[:2]), atol=1e-6)


def test_it_can_be_sent_to_another_process_and_used_after_a_fork(
    folder: Path, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = OnnxEncoder(folder, threads=1)
    expected = onnx.encode(texts.kaz[:2])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(onnx)).encode(texts.kaz[:2]), expected)
    session = onnx._session
    monkeypatch.setattr("os.getpid", lambda: -1)
    np.testing.assert_array_equal(onnx.encode(texts.kaz[:2]), expected)
    assert onnx._session is not session  # the old session's threads belong to the parent


def test_canonically_equal_texts_are_one_text(folder: Path) -> None:
    onnx = OnnxEncoder(folder, threads=1)
    composed = "Қайырлы таң, Йозеф мен Әйгерім! Café Tiếng Việt"
    np.testing.assert_array_equal(onnx.encode(unicodedata.normalize("NFD", composed)), onnx.encode(composed))


def test_a_damaged_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModuleFormatError, match="expected a folder that export_onnx wrote"):
        OnnxEncoder(tmp_path)
    copied = shutil.copytree(folder, tmp_path / "copy")
    edit_json(copied / "onnx_encoder.json", max_length="64")
    with pytest.raises(ModuleFormatError, match="'max_length' cannot be '64'"):
        OnnxEncoder(copied)
    edit_json(copied / "onnx_encoder.json", format_version=99)
    with pytest.raises(ModuleFormatError, match=rf"expected format_version {FORMAT_VERSION}, found 99"):
        OnnxEncoder(copied)
    shutil.copyfile(folder / "onnx_encoder.json", copied / "onnx_encoder.json")
    (copied / "onnx/model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModuleFormatError, match=r"onnx/model\.onnx or tokenizer\.json cannot be read"):
        OnnxEncoder(copied)


def test_a_missing_package_is_told_with_how_to_install_it(
    encoder: ModularEncoder, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for use in (lambda: OnnxEncoder(folder), lambda: export_onnx(encoder, "kaz", tmp_path / "kaz")):
        with pytest.raises(AdaptersHubError, match=r"'onnxruntime'.*pip install 'modular-.*\[bridges\]'"):
            use()
