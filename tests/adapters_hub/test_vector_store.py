from __future__ import annotations

import multiprocessing
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from adapters_hub.texts import text_key
from adapters_hub.vector_store import VectorStore

TEXTS = [f"sentence {number}" for number in range(20)]


def vectors_of(texts: list[str]) -> np.ndarray:
    """One vector `[8]` per text, the same in every process."""
    return np.stack([np.random.default_rng(abs(text_key(text))).standard_normal(8, np.float32) for text in texts])


def fill(root: Path, texts: list[str], at_a_time: int = 3) -> VectorStore:
    store = VectorStore("encoder", root)
    missing = store.missing(texts)
    for start in range(0, len(missing), at_a_time):
        chunk = missing[start : start + at_a_time]
        store.add(chunk, vectors_of(chunk))
    return store


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> VectorStore:
    return VectorStore("encoder", tmp_path if request.param == "disk" else None)


def test_vectors_are_found_by_text_and_by_key(store: VectorStore) -> None:
    for start in range(0, 20, 6):
        chunk = store.missing(TEXTS[start : start + 6])
        store.add(chunk, vectors_of(chunk))
        assert store.missing(TEXTS) == TEXTS[start + 6 :]
    some = [TEXTS[number] for number in (19, 3, 3, 0)]
    assert np.array_equal(store.vectors(some), vectors_of(some))
    assert store.vectors(some).dtype == np.float32
    assert np.array_equal(store[np.array([text_key(text) for text in some])], vectors_of(some))
    assert store.nbytes == 20 * (8 + 8 * 4)
    for texts in (["another"], [TEXTS[0], "another"]):
        with pytest.raises(KeyError, match="no vector"):
            store.vectors(texts)


def test_an_empty_store_has_no_vectors(store: VectorStore) -> None:
    assert store.missing(["b", "a"]) == ["b", "a"]
    assert store.vectors([]).shape == (0, 0)
    with pytest.raises(KeyError, match="no vector"):
        store.vectors(["a"])


def test_equal_texts_are_one_and_are_encoded_in_one_form(store: VectorStore) -> None:
    composed = "Café 한국어"
    loose = unicodedata.normalize("NFD", composed)
    assert store.missing([f" {loose}\n", composed, loose]) == [composed]
    store.add([composed], vectors_of([composed]))
    assert store.missing([f"\t{loose}"]) == []
    assert np.array_equal(store.vectors([f" {loose}"]), vectors_of([composed]))


def test_stores_see_what_others_have_added_and_keep_encoders_apart(tmp_path: Path) -> None:
    before = VectorStore(("encoder", 1), tmp_path)
    VectorStore(("encoder", 1), tmp_path).add(TEXTS, vectors_of(TEXTS))
    assert before.missing(TEXTS) == []
    assert np.array_equal(before.vectors(TEXTS), vectors_of(TEXTS))
    assert VectorStore(("encoder", 2), tmp_path).missing(TEXTS) == TEXTS


def test_all_processes_choose_the_same_of_two_vectors_of_a_text(tmp_path: Path) -> None:
    one, other = VectorStore("encoder", tmp_path), VectorStore("encoder", tmp_path)
    one.add(["a", "b"], vectors_of(["a", "b"]))
    other.add(["a", "c"], vectors_of(["a", "c"]) + 1)
    one.refresh()
    other.refresh()
    assert np.array_equal(one.vectors(["a"]), other.vectors(["a"]))
    assert np.array_equal(one.vectors(["a"]), fill(tmp_path, ["a"]).vectors(["a"]))


@pytest.mark.parametrize("damage", ["half", "a flipped bit", "empty", "a folder", "gone"])
def test_damaged_vectors_are_missing_and_do_not_come_back(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    sound = fill(tmp_path, TEXTS)
    path = sorted(tmp_path.glob("*/*.npy"))[0]
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "half":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "a flipped bit":
        content[-1] ^= 1
        path.write_bytes(content)
    elif damage == "empty":
        path.touch()
    elif damage == "a folder":
        path.mkdir()
    missing = VectorStore("encoder", tmp_path).missing(TEXTS)
    assert len(missing) in (2, 3)
    assert ("is damaged" in caplog.text) == (damage != "gone")
    assert np.array_equal(sound.vectors(TEXTS), vectors_of(TEXTS))  # files that are open stay usable
    if damage != "a folder":
        assert not path.exists()
        assert np.array_equal(fill(tmp_path, TEXTS).vectors(TEXTS), vectors_of(TEXTS))
        assert VectorStore("encoder", tmp_path).missing(TEXTS) == []


def test_what_a_killed_process_leaves_is_not_taken_for_vectors(tmp_path: Path) -> None:
    store = VectorStore("encoder", tmp_path)
    assert store.folder is not None
    unfinished = store.folder / ".0123456789abcdef.npy.x.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "0123456789abcdef.npy").write_bytes(b"half")
    assert store.missing(TEXTS) == TEXTS
    assert np.array_equal(fill(tmp_path, TEXTS).vectors(TEXTS), vectors_of(TEXTS))


def test_several_processes_add_at_once_and_one_is_killed(tmp_path: Path) -> None:
    texts = [f"sentence {number}" for number in range(300)]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=fill, args=(tmp_path, texts[start:], 5)) for start in (0, 50, 0)]
    for process in processes:
        process.start()
    while not list(tmp_path.glob("*/*.npy")):
        time.sleep(0.01)
    processes[2].kill()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes[:2]] == [0, 0]
    store = VectorStore("encoder", tmp_path)
    assert store.missing(texts) == []
    assert np.array_equal(store.vectors(texts), vectors_of(texts))
