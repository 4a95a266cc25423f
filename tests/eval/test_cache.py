from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from eval.encoders import CachedEncoder
from eval.encoders import cache as cache_module
from eval.errors import EvaluationError
from tests.eval.encoders import Letters


def test_a_sentence_is_encoded_once_and_its_vector_has_unit_length(tmp_path: Path) -> None:
    encoder = Letters()
    cached = CachedEncoder(encoder, tmp_path)
    first = cached(["b", "aa", "b"], "deu")
    assert encoder.calls == [("deu", False, ("b", "aa"))]
    assert np.array_equal(first[0], first[2])
    assert np.linalg.norm(first, axis=1) == pytest.approx(1)
    assert np.array_equal(cached(["aa"], "deu")[0], first[1])
    assert len(encoder.calls) == 1


def test_vectors_survive_on_disk_bit_by_bit(tmp_path: Path) -> None:
    before = CachedEncoder(Letters(), tmp_path)(["one", "two"], "deu")
    again = Letters()
    assert np.array_equal(CachedEncoder(again, tmp_path)(["two", "one"], "deu"), before[::-1])
    assert again.calls == []


def test_another_language_another_use_and_another_encoder_have_vectors_of_their_own(tmp_path: Path) -> None:
    CachedEncoder(Letters(), tmp_path)(["one"], "deu")
    encoder = Letters()
    cached = CachedEncoder(encoder, tmp_path)
    cached(["one"], "eng")
    cached(["one"], "deu", across=True)
    other = Letters("other")
    CachedEncoder(other, tmp_path)(["one"], "deu")
    assert [call[:2] for call in encoder.calls] == [("eng", False), ("deu", True)]
    assert len(other.calls) == 1


def test_an_interrupted_run_keeps_what_it_has_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "_CHUNK", 2)

    def stop(vectors: np.ndarray, language: str, across: bool) -> np.ndarray:
        if len(encoder.calls) == 2:
            raise KeyboardInterrupt
        return vectors

    encoder = Letters(change=stop)
    with pytest.raises(KeyboardInterrupt):
        CachedEncoder(encoder, tmp_path)(["a", "bb", "ccc", "dddd"], "deu")
    again = Letters()
    CachedEncoder(again, tmp_path)(["a", "bb", "ccc", "dddd"], "deu")
    assert again.calls == [("deu", False, ("ccc", "dddd"))]


@pytest.mark.parametrize(("value", "what"), [(0.0, "zero"), (np.nan, "not finite"), (np.inf, "not finite")])
def test_a_vector_that_is_none_is_refused_with_its_sentence(value: float, what: str) -> None:
    def spoil(vectors: np.ndarray, language: str, across: bool) -> np.ndarray:
        vectors[1] = value
        return vectors

    with pytest.raises(EvaluationError, match=f"the vector of 'bb' is {what}"):
        CachedEncoder(Letters(change=spoil), None)(["a", "bb", "ccc"], "deu")


def test_an_empty_sentence_is_named_by_its_place_before_anything_is_encoded() -> None:
    encoder = Letters()
    with pytest.raises(EvaluationError, match=r"sentence 2 of 3 in deu is empty \(1 in all\)"):
        CachedEncoder(encoder, None)(["a", " ", "ccc"], "deu")
    assert encoder.calls == []


def test_an_encoder_that_loses_sentences_is_refused() -> None:
    shorter = Letters(change=lambda vectors, language, across: vectors[:-1])
    with pytest.raises(EvaluationError, match=r"shape \(1, 256\) for 2 sentences"):
        CachedEncoder(shorter, None)(["a", "b"], "deu")


@pytest.mark.parametrize("content", [b"no vectors" * 100, b""])
def test_damaged_vectors_are_encoded_again(tmp_path: Path, content: bytes) -> None:
    before = CachedEncoder(Letters(), tmp_path)(["a", "b"], "deu")
    (path,) = tmp_path.glob("*/*.npy")
    path.write_bytes(content)
    again = Letters()
    assert np.array_equal(CachedEncoder(again, tmp_path)(["a", "b"], "deu"), before)
    assert again.calls == [("deu", False, ("a", "b"))]
    assert np.array_equal(CachedEncoder(again, tmp_path)(["a", "b"], "deu"), before)
    assert len(again.calls) == 1


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="file.* was not written .*choose another --cache") as caught:
        CachedEncoder(Letters(), tmp_path / "file" / "cache")(["a"], "deu")
    assert "\n" not in str(caught.value)


def test_canonically_equal_sentences_are_one_for_every_encoder(tmp_path: Path) -> None:
    encoder = Letters()
    composed = "Café Ünal 한국어 Tiếng Việt"
    loose = unicodedata.normalize("NFD", composed)
    one, other = CachedEncoder(encoder, tmp_path)([loose, composed], "deu")
    assert np.array_equal(one, other)
    assert encoder.calls == [("deu", False, (composed,))]
    with pytest.raises(EvaluationError, match=r"sentence 1, 3 of 3 in deu is empty \(2 in all\)"):
        CachedEncoder(encoder, tmp_path)(["", "a", " "], "deu")
