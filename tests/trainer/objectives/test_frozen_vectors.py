from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import trainer.objectives.frozen_vectors
from adapters_hub import AdaptersHubError, BaseEncoder, ModularEncoder
from tests.conftest import sample_sentences
from tests.trainer.building import language_module
from trainer.data.batches import text_key
from trainer.objectives.frozen_vectors import KeptVectors, Together, frozen_language, modular_copy

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


def kept_by(encoder: ModularEncoder, language: str | None, folder: Path, max_length: int = 128) -> KeptVectors:
    return KeptVectors(frozen_language(encoder, language, max_length), folder)


@pytest.mark.parametrize("language", ["eng", None])
def test_kept_vectors_are_fresh_ones(encoder: ModularEncoder, tmp_path: Path, language: str | None) -> None:
    kept = kept_by(encoder, language, tmp_path / "new")
    assert kept.add(TEXTS) == 20
    vectors = kept.read()
    assert vectors[keys(TEXTS)].dtype == np.float32
    assert np.array_equal(vectors[keys(TEXTS)], encoder.encode(TEXTS, language))
    some = [TEXTS[i] for i in (7, 7, 0)]
    assert vectors[keys(some)] == pytest.approx(encoder.encode(some, language), abs=1e-5)


def test_sentences_are_cut_where_the_learners_are(encoder: ModularEncoder, tmp_path: Path) -> None:
    short, long = kept_by(encoder, "eng", tmp_path, 5), kept_by(encoder, "eng", tmp_path, 64)
    for kept in (short, long):
        kept.add(TEXTS)
    assert np.array_equal(short.read()[keys(TEXTS)], encoder.encode(TEXTS, "eng", max_length=5))
    assert np.abs(short.read()[keys(TEXTS)] - long.read()[keys(TEXTS)]).max() > 1e-2


def test_two_encoders_together_see_the_mean_of_their_similarities(encoder: ModularEncoder, tmp_path: Path) -> None:
    seen = []
    for language in ("eng", None):
        kept = kept_by(encoder, language, tmp_path)
        kept.add(TEXTS)
        seen.append(kept.read())
    together = Together(seen)[keys(TEXTS)]
    alone = [vectors[keys(TEXTS)] for vectors in seen]
    np.testing.assert_allclose(together @ together.T, sum(x @ x.T for x in alone) / 2, atol=1e-6)


def test_a_text_is_encoded_once(encoder: ModularEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kept_by(encoder, "eng", tmp_path)
    assert first.add(TEXTS[:12]) == 12
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    again = kept_by(encoder, "eng", tmp_path)
    assert again.add([f" {text}\n" for text in TEXTS[8:]] + TEXTS) == 8  # surrounding white space does not count
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert again.read()[keys(TEXTS)] == pytest.approx(encoder.encode(TEXTS, "eng"), abs=1e-5)

    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(encoder, "encode", fail)
    assert kept_by(encoder, "eng", tmp_path).add(reversed(TEXTS)) == 0


def test_encoders_do_not_share_vectors(encoder: ModularEncoder, bases: Bases, tmp_path: Path) -> None:
    kept_by(encoder, "eng", tmp_path).add(TEXTS)
    assert kept_by(encoder, None, tmp_path).add(TEXTS) == 20
    half = ModularEncoder(bases("bert").copy(), device="cpu", dtype="float16")
    half.add_module(language_module(bases("bert"), tmp_path, "eng", LORAS))
    assert kept_by(half, "eng", tmp_path).add(TEXTS) == 20
    assert len(list(tmp_path.iterdir())) == 3


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


def test_what_a_killed_run_leaves_is_not_taken_for_vectors(encoder: ModularEncoder, tmp_path: Path) -> None:
    kept = kept_by(encoder, "eng", tmp_path)
    unfinished = kept.folder / ".0123456789abcdef.x.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "vectors.npy").write_bytes(b"half")
    assert kept.add(TEXTS) == 20
    assert np.linalg.norm(kept.read()[keys(TEXTS)], axis=1) == pytest.approx(np.ones(20), abs=1e-5)


@pytest.mark.parametrize("name", ["vectors.npy", "keys.npy"])
@pytest.mark.parametrize("damage", ["half", "zeros", "gone"])
def test_vectors_that_are_damaged_are_made_again(
    encoder: ModularEncoder, tmp_path: Path, name: str, damage: str
) -> None:
    kept = kept_by(encoder, "eng", tmp_path)
    kept.add(TEXTS)
    sound = kept.read()[keys(TEXTS)].copy()
    (path,) = kept.folder.glob(f"*/{name}")
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] + (b"" if damage == "half" else bytes(len(content) // 2)))
    assert kept.add(TEXTS) == 20
    np.testing.assert_array_equal(kept.read()[keys(TEXTS)], sound)


def test_a_large_corpus_is_written_in_parts(
    encoder: ModularEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer.objectives.frozen_vectors, "_CHUNK", 6)
    kept = kept_by(encoder, "eng", tmp_path)
    kept.add(TEXTS)
    assert len(list(kept.folder.iterdir())) == 4
    shuffled = np.random.default_rng(0).permutation(20)
    assert kept.read()[keys(TEXTS)[shuffled]] == pytest.approx(encoder.encode(TEXTS, "eng")[shuffled], abs=1e-5)


def test_a_text_that_was_never_encoded_is_an_error(encoder: ModularEncoder, tmp_path: Path) -> None:
    kept = kept_by(encoder, "eng", tmp_path)
    kept.add(TEXTS[:3])
    vectors = kept.read()
    assert vectors[keys([TEXTS[2], TEXTS[0]])].shape == (2, encoder.dimension)
    with pytest.raises(KeyError, match=str(keys(TEXTS)[5])):
        vectors[keys([TEXTS[2], TEXTS[5]])]
    with pytest.raises(KeyError, match="no vector"):
        kept_by(encoder, None, tmp_path).read()[keys(TEXTS[:1])]


def test_an_empty_text_is_not_encoded(encoder: ModularEncoder, tmp_path: Path) -> None:
    assert kept_by(encoder, "eng", tmp_path).add(["", " ", TEXTS[0]]) == 1


def test_a_cache_that_cannot_be_written_is_told_in_one_line(encoder: ModularEncoder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdaptersHubError, match="cannot write beside .*: Not a directory") as caught:
        kept_by(encoder, "eng", tmp_path / "file" / "cache").add(TEXTS)
    assert "\n" not in str(caught.value)
