"""An encoder in other processes: pickled, copied, or inherited by a fork."""

from __future__ import annotations

import copy
import functools
import multiprocessing
import pickle
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from adapters_hub import AdaptersHubError, ModularEncoder
from tests.adapters_hub.builders import make_language
from tests.adapters_hub.conftest import Shelf

SECONDS = 240  # limit for a child on a busy machine, so that a hanging one does not block the tests
TEXTS = ["Der Zug hält heute nicht in Ulm.", "Das Brot ist noch warm."]


@pytest.fixture(scope="module")
def encoder(shelf: Shelf) -> ModularEncoder:
    return shelf.encoder(shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder)


@pytest.fixture(scope="module")
def expected(encoder: ModularEncoder) -> np.ndarray:
    return encoder.encode(TEXTS, "deu", align=True)


@pytest.mark.parametrize("again", [lambda one: pickle.loads(pickle.dumps(one)), copy.copy, copy.deepcopy])
def test_a_copy_is_made_of_the_same_and_apart(
    encoder: ModularEncoder, expected: np.ndarray, again: Callable[[ModularEncoder], ModularEncoder]
) -> None:
    other = again(encoder)
    np.testing.assert_array_equal(other.encode(TEXTS, "deu", align=True), expected)
    assert (other.languages, other.alignments, other.dtype) == (encoder.languages, encoder.alignments, encoder.dtype)
    other.remove_module("deu")
    assert "deu" in encoder.languages
    np.testing.assert_array_equal(encoder.encode(TEXTS, "deu", align=True), expected)


def test_it_pickles_by_name_with_its_settings(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shelf.deu.folder.parent)
    encoder = ModularEncoder(
        shelf.base.source, ["kaz", "deu"], device="cpu", dtype="bfloat16", max_loaded_modules=1, hub=tmp_path / "hub"
    )
    pickled = pickle.dumps(encoder)
    assert len(pickled) < 5000
    assert pickled == pickle.dumps(encoder)  # `datasets` compares pickles to decide whether to compute anew
    monkeypatch.chdir(tmp_path)
    other = pickle.loads(pickled)
    assert (other.languages, other.in_memory, other.dtype) == (["kaz", "deu"], ["deu"], torch.bfloat16)
    np.testing.assert_array_equal(other.encode(TEXTS, "deu"), encoder.encode(TEXTS, "deu"))


def test_another_module_in_the_folder_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    pickled = pickle.dumps(shelf.encoder(folder))
    shutil.rmtree(folder)
    make_language(shelf.base, folder, "deu", 77)
    with pytest.raises(AdaptersHubError, match="deu holds another module than .*: create the encoder again"):
        pickle.loads(pickled)


def answer(encoder: ModularEncoder, into: Any) -> None:
    into.put(encoder.encode(TEXTS, "deu", align=True))


def ask(context: Any, encoder: ModularEncoder) -> np.ndarray:
    into = context.Queue()
    child = context.Process(target=answer, args=(encoder, into), daemon=True)
    child.start()
    try:
        vectors: np.ndarray = into.get(timeout=SECONDS)
    finally:
        child.kill()
        child.join()
    return vectors


def test_a_forked_child_computes_while_the_parent_does(encoder: ModularEncoder, expected: np.ndarray) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with encoder._engine.lock:  # as encode in another thread would hold it
            held.set()
            free.wait(SECONDS)

    holder = threading.Thread(target=hold)
    try:
        encoder.encode(TEXTS * 300, "deu", align=True)  # this starts OpenMP's threads
        holder.start()
        held.wait()
        vectors = ask(multiprocessing.get_context("fork"), encoder)
    finally:
        free.set()
        holder.join()
        torch.set_num_threads(threads)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_a_child_that_is_spawned_is_sent_the_encoder(encoder: ModularEncoder, expected: np.ndarray) -> None:
    np.testing.assert_allclose(ask(multiprocessing.get_context("spawn"), encoder), expected, atol=1e-6)


def encode_batch(batch: dict[str, list[str]], encoder: ModularEncoder) -> dict[str, Any]:
    return {"vector": encoder.encode(batch["text"], "deu", align=True)}


def test_map_of_datasets_takes_it_on_several_processes(
    encoder: ModularEncoder, expected: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Dataset.from_dict({"text": TEXTS * 2})
    mapped = rows.map(
        functools.partial(encode_batch, encoder=encoder), batched=True, batch_size=2, num_proc=2, keep_in_memory=True
    )
    np.testing.assert_allclose(np.array(mapped["vector"]), np.concatenate([expected] * 2), atol=1e-6)


class Encoding(TorchDataset[np.ndarray]):
    """A data set that encodes in the process that reads it."""

    def __init__(self, encoder: ModularEncoder) -> None:
        self.encoder = encoder

    def __len__(self) -> int:
        return len(TEXTS)

    def __getitem__(self, number: int) -> np.ndarray:
        return self.encoder.encode(TEXTS[number], "deu", align=True)


def test_workers_of_a_data_loader_take_it(encoder: ModularEncoder, expected: np.ndarray) -> None:
    loader = DataLoader(Encoding(encoder), batch_size=None, num_workers=2, timeout=SECONDS)
    np.testing.assert_allclose(np.stack(list(loader)), expected, atol=1e-6)
