"""`adapters-hub export`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from typer.testing import CliRunner

from adapters_hub import AdaptersHubError, ModularEncoder
from adapters_hub.__main__ import app
from adapters_hub.bridges import OnnxEncoder
from tests.adapters_hub.bridges.conftest import Texts
from tests.adapters_hub.conftest import Shelf


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["export", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_each_format_gives_the_encoders_vectors(
    shelf: Shelf, encoder: ModularEncoder, texts: Texts, tmp_path: Path
) -> None:
    plain, aligned = (encoder.encode(texts.deu, "deu", align=align) for align in (False, True))
    modules = [shelf.deu.folder, shelf.deu_both.folder]
    assert run(*modules, "--to", tmp_path / "st") == f"{tmp_path / 'st'}\n"
    stock = SentenceTransformer(str(tmp_path / "st"), device="cpu")
    np.testing.assert_allclose(stock.encode(texts.deu), plain, atol=2e-6)
    run(*modules, "--to", tmp_path / "onnx", "--format", "onnx", "--align")
    np.testing.assert_allclose(OnnxEncoder(tmp_path / "onnx", threads=1).encode(texts.deu), aligned, atol=1e-5)
    run(*modules, shelf.eng.folder, "--to", tmp_path / "all", "--format", "composed", "--language", "deu", "--align")
    model = SentenceTransformer(str(tmp_path / "all"), trust_remote_code=True, device="cpu")
    np.testing.assert_allclose(model.encode(texts.deu), aligned, atol=2e-6)
    np.testing.assert_allclose(model.encode(texts.deu, align=False), plain, atol=2e-6)


def test_what_does_not_fit_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    two = [shelf.deu.folder, shelf.eng.folder]
    with pytest.raises(AdaptersHubError, match="expected --language, one of deu, eng, or --format composed"):
        run(*two, "--to", tmp_path / "x")
    with pytest.raises(AdaptersHubError, match="not linear and cannot be merged"):
        run(shelf.deu.folder, shelf.deu_both.folder, "--to", tmp_path / "x", "--align")
    run(*two, "--to", tmp_path / "x", "--language", "eng")
    with pytest.raises(AdaptersHubError, match="exists already"):
        run(*two, "--to", tmp_path / "x", "--language", "eng")
    run(*two, "--to", tmp_path / "x", "--language", "deu", "--overwrite")
