from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

import trainer.objectives.frozen_vectors
from adapters_hub import AdaptersHubError, BaseEncoder, ModularEncoder
from adapters_hub.texts import text_key
from adapters_hub.vector_store import VectorStore
from tests.conftest import sample_sentences
from tests.trainer.building import language_module
from trainer.objectives.frozen_vectors import Together, frozen_language, modular_copy

Bases = Callable[[str], BaseEncoder]
LORAS = ["language_adapter", "sentence_adapter"]
TEXTS = list(dict.fromkeys(sample_sentences("eng")))[:20]


@pytest.fixture
def encoder(bases: Bases, tmp_path: Path) -> ModularEncoder:
    made = ModularEncoder(bases("bert").copy(), device="cpu")
    made.add_module(language_module(bases("bert"), tmp_path, "eng", LORAS))
    return made


def keys(texts: list[str]) -> np.ndarray:
    return np.array([text_key(text) for text in texts])


def looked_up(
    texts: Iterable[str], encoder: ModularEncoder, language: str | None, root: Path, max_length: int = 128
) -> tuple[VectorStore, int]:
    """The vectors of texts, and how many of the texts were encoded for them."""
    frozen = frozen_language(encoder, language, max_length)
    counts = []

    def encode(missing: list[str]) -> np.ndarray:
        counts.append(len(missing))
        return frozen.encode(missing)

    return dataclasses.replace(frozen, encode=encode).vectors(texts, root), sum(counts)


@pytest.mark.parametrize("language", ["eng", None])
def test_stored_vectors_are_fresh_ones(encoder: ModularEncoder, tmp_path: Path, language: str | None) -> None:
    vectors, count = looked_up(TEXTS, encoder, language, tmp_path / "new")
    assert count == 20
    assert vectors[keys(TEXTS)].dtype == np.float32
    assert np.array_equal(vectors[keys(TEXTS)], encoder.encode(TEXTS, language))
    some = [TEXTS[i] for i in (7, 7, 0)]
    assert vectors[keys(some)] == pytest.approx(encoder.encode(some, language), abs=1e-5)


def test_sentences_are_cut_where_the_learners_are(encoder: ModularEncoder, tmp_path: Path) -> None:
    short, long = (looked_up(TEXTS, encoder, "eng", tmp_path, length)[0] for length in (5, 64))
    assert np.array_equal(short[keys(TEXTS)], encoder.encode(TEXTS, "eng", max_length=5))
    assert np.abs(short[keys(TEXTS)] - long[keys(TEXTS)]).max() > 1e-2


def test_two_encoders_together_see_the_mean_of_their_similarities(encoder: ModularEncoder, tmp_path: Path) -> None:
    seen = [looked_up(TEXTS, encoder, language, tmp_path)[0] for language in ("eng", None)]
    together = Together(seen)[keys(TEXTS)]
    alone = [vectors[keys(TEXTS)] for vectors in seen]
    np.testing.assert_allclose(together @ together.T, sum(x @ x.T for x in alone) / 2, atol=1e-6)


def test_a_text_is_encoded_once(encoder: ModularEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked_up(TEXTS[:12], encoder, "eng", tmp_path)[1] == 12
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    # Surrounding white space does not count.
    vectors, count = looked_up([f" {text}\n" for text in TEXTS[8:]] + TEXTS, encoder, "eng", tmp_path)
    assert count == 8
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert vectors[keys(TEXTS)] == pytest.approx(encoder.encode(TEXTS, "eng"), abs=1e-5)

    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(encoder, "encode", fail)
    assert looked_up(reversed(TEXTS), encoder, "eng", tmp_path)[1] == 0


def test_encoders_do_not_share_vectors(encoder: ModularEncoder, bases: Bases, tmp_path: Path) -> None:
    root = tmp_path / "vectors"
    looked_up(TEXTS, encoder, "eng", root)
    assert looked_up(TEXTS, encoder, None, root)[1] == 20
    half = ModularEncoder(bases("bert").copy(), device="cpu", dtype="float16")
    half.add_module(language_module(bases("bert"), tmp_path, "eng", LORAS))
    assert looked_up(TEXTS, half, "eng", root)[1] == 20
    assert len(list(root.iterdir())) == 3


@pytest.mark.parametrize(
    ("launched", "computed"), [("no", torch.float32), (None, torch.float32), ("bf16", torch.bfloat16)]
)
def test_a_teacher_computes_as_training_does(
    bases: Bases, monkeypatch: pytest.MonkeyPatch, launched: str | None, computed: torch.dtype
) -> None:
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)
    if launched is not None:
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", launched)
    base = bases("bert")
    teacher = modular_copy(base)
    assert teacher.dtype == computed
    assert {parameter.dtype for parameter in base.backbone.parameters()} == {torch.float32}  # the original is unchanged
    exact = ModularEncoder(base.copy()).encode(TEXTS, None)
    cosines = (teacher.encode(TEXTS, None) * exact).sum(axis=1)
    assert cosines == pytest.approx(np.ones(20), abs=1e-5 if computed == torch.float32 else 1e-3)


def test_a_large_corpus_is_written_in_parts(
    encoder: ModularEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer.objectives.frozen_vectors, "_CHUNK", 6)
    vectors, _ = looked_up(TEXTS, encoder, "eng", tmp_path)
    assert len(list(tmp_path.glob("*/*"))) == 4
    shuffled = np.random.default_rng(0).permutation(20)
    assert vectors[keys(TEXTS)[shuffled]] == pytest.approx(encoder.encode(TEXTS, "eng")[shuffled], abs=1e-5)


def test_a_text_that_was_never_encoded_is_an_error(encoder: ModularEncoder, tmp_path: Path) -> None:
    vectors, _ = looked_up(TEXTS[:3], encoder, "eng", tmp_path)
    assert vectors[keys([TEXTS[2], TEXTS[0]])].shape == (2, encoder.dimension)
    with pytest.raises(KeyError, match=str(keys(TEXTS)[5])):
        vectors[keys([TEXTS[2], TEXTS[5]])]
    with pytest.raises(KeyError, match="no vector"):
        looked_up([], encoder, None, tmp_path)[0][keys(TEXTS[:1])]


def test_an_empty_text_is_not_encoded(encoder: ModularEncoder, tmp_path: Path) -> None:
    assert looked_up(["", " ", TEXTS[0]], encoder, "eng", tmp_path)[1] == 1


def test_a_cache_that_cannot_be_written_is_told_in_one_line(encoder: ModularEncoder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdaptersHubError, match="cannot write beside .*: Not a directory") as caught:
        looked_up(TEXTS, encoder, "eng", tmp_path / "file" / "cache")
    assert "\n" not in str(caught.value)
