"""Settings of a base whose files do not state them: taken from its family, with a log of what was guessed."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from adapters_hub import BaseEncoderError, ModularEncoder, load_base
from adapters_hub.base.families import family_of
from adapters_hub.format import WITHOUT_PROMPT

Bases = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "pooling", "prompt"),
    [
        ("intfloat/multilingual-e5-base", "mean", "query: "),
        ("intfloat/e5-large-v2", "mean", "query: "),
        ("intfloat/multilingual-e5-large-instruct", "mean", "Instruct: Retrieve semantically similar text.\nQuery: "),
        ("BAAI/bge-m3", "cls", ""),
        ("setu4993/LaBSE", "cls", ""),
        ("/models/SONAR_200_text_encoder", "mean", ""),
        ("Qwen/Qwen3-Embedding-0.6B", "last", ""),
        ("google/embeddinggemma-300m", "mean", "task: sentence similarity | query: "),
    ],
)
def test_families_are_known_by_the_whole_name(name: str, pooling: str, prompt: str) -> None:
    family = family_of(name)
    assert family is not None
    assert (family.pooling, family.prompt) == (pooling, prompt)


@pytest.mark.parametrize("name", ["org/e5-base-sts-en-de", "org/LaBSE-en-ru", "e5", "org/bge-m3-unsupervised", "xlm-r"])
def test_a_name_that_only_begins_like_a_known_one_is_not_of_the_family(name: str) -> None:
    assert family_of(name) is None


def test_what_was_guessed_is_said_in_one_line_and_what_was_told_is_not(
    base_folders: Bases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = shutil.copytree(base_folders("bert"), tmp_path / "multilingual-e5-small")
    with caplog.at_level(logging.INFO, "adapters_hub.base"):
        load_base(folder)
    (record,) = caplog.records
    assert "prompt 'query: ', pooling 'mean', max_length 128 (usual for its family)" in record.message
    assert record.levelno == logging.INFO
    caplog.clear()
    with caplog.at_level(logging.INFO, "adapters_hub.base"):
        load_base(base_folders("bert"), prompt="", max_length=10)
    (record,) = caplog.records
    assert "do not state pooling: using pooling 'mean' (usual for its architecture)" in record.message
    assert record.levelno == logging.WARNING  # nothing but its architecture speaks for it
    caplog.clear()
    with caplog.at_level(logging.INFO, "adapters_hub.base"):
        load_base(base_folders("bert"), prompt="", pooling="cls", max_length=10)
    assert not caplog.records


def test_a_bare_labse_has_its_pooler_as_dense_layer(base_folders: Bases, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(base_folders("bert"), tmp_path / "LaBSE"))
    tensors = load_file(folder / "model.safetensors")
    weight, bias = torch.randn(32, 32), torch.randn(32)
    tensors |= {"bert.pooler.dense.weight": weight, "bert.pooler.dense.bias": bias}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    encoder = ModularEncoder(load_base(folder), device="cpu")
    plain = ModularEncoder(load_base(base_folders("bert"), pooling="cls"), device="cpu")
    first = torch.from_numpy(plain.encode("Ein Satz.", None, normalize=False))
    expected = torch.tanh(first @ weight.T + bias).numpy()
    np.testing.assert_allclose(encoder.encode("Ein Satz.", None, normalize=False), expected, atol=1e-5)


@pytest.mark.parametrize("length", [0, 129])
def test_a_length_beyond_the_positions_is_refused(base_folders: Bases, length: int) -> None:
    with pytest.raises(BaseEncoderError, match=f"max_length between 1 and 128.*found {length}"):
        load_base(base_folders("bert"), max_length=length)


def test_the_length_of_a_base_cuts_its_sentences(base_folders: Bases) -> None:
    long = "Ein Satz, der länger ist als fünf Wörter und kein Ende nimmt."
    short = ModularEncoder(load_base(base_folders("bert"), max_length=9), device="cpu")
    whole = ModularEncoder(load_base(base_folders("bert")), device="cpu")
    np.testing.assert_array_equal(short.encode(long, None), whole.encode(long, None, max_length=9))
    assert short.fingerprints(None) != whole.fingerprints(None)


def test_a_prompt_whose_end_cannot_be_told_does_not_go_with_pooling_without_it(base_folders: Bases) -> None:
    with pytest.raises(BaseEncoderError, match="needs prompts that end with a space"):
        load_base(base_folders("bert"), prompt="query:", pooling=WITHOUT_PROMPT)
