"""What `encode` accepts and returns: shapes, options, hostile text."""

from __future__ import annotations

import logging
import unicodedata
from collections import UserDict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from adapters_hub import AdaptersHubError, InputTextError, ModularEncoder
from tests.adapters_hub.builders import make_language
from tests.adapters_hub.conftest import Shelf
from tests.conftest import build_tokenizer


@pytest.fixture(scope="module")
def encoder(shelf: Shelf) -> ModularEncoder:
    """An encoder of two languages with one alignment adapter."""
    return shelf.encoder(shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder)


def test_vectors_are_float32_rows_of_unit_length(encoder: ModularEncoder, german: list[str]) -> None:
    vectors = encoder.encode(german, "deu")
    assert isinstance(vectors, np.ndarray)
    assert (vectors.shape, vectors.dtype) == ((len(german), encoder.dimension), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_without_normalisation_only_the_length_differs(encoder: ModularEncoder, german: list[str]) -> None:
    raw = encoder.encode(german, "deu", normalize=False)
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    assert (np.abs(lengths - 1) > 0.01).all()
    np.testing.assert_allclose(raw / lengths, encoder.encode(german, "deu"), atol=1e-6)


def test_truncated_vectors_are_the_first_dimensions_at_unit_length(encoder: ModularEncoder, german: list[str]) -> None:
    raw = encoder.encode(german, "deu", normalize=False)
    np.testing.assert_array_equal(encoder.encode(german, "deu", normalize=False, truncate_dim=5), raw[:, :5])
    short = encoder.encode(german, "deu", truncate_dim=5)
    np.testing.assert_allclose(short, raw[:, :5] / np.linalg.norm(raw[:, :5], axis=1, keepdims=True), atol=1e-6)
    assert encoder.encode(german, "deu", truncate_dim=encoder.dimension).shape == raw.shape


def test_tensors_hold_the_same_numbers_and_can_be_used_in_training(encoder: ModularEncoder, german: list[str]) -> None:
    tensor = encoder.encode(german, "deu", convert_to="tensor")
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), encoder.encode(german, "deu"))
    assert not tensor.is_inference()
    weight = torch.ones(encoder.dimension, requires_grad=True)
    (tensor @ weight).sum().backward()
    assert weight.grad is not None


def test_a_single_string_gives_a_single_vector(encoder: ModularEncoder, german: list[str]) -> None:
    rows = encoder.encode(german[:1], "deu")
    np.testing.assert_array_equal(encoder.encode(german[0], "deu"), rows[0])
    np.testing.assert_array_equal(encoder.encode(german[0], ["deu"]), rows[0])
    assert encoder.encode(german[0], "deu", convert_to="tensor", truncate_dim=3).shape == (3,)


@pytest.mark.parametrize("language", ["deu", None, []])
def test_no_sentences_give_no_rows(encoder: ModularEncoder, language: Any) -> None:
    assert encoder.encode([], language).shape == (0, encoder.dimension)
    assert encoder.encode([], language, convert_to="tensor", truncate_dim=3).shape == (0, 3)
    assert encoder.encode([], language).dtype == np.float32


def test_sentences_and_languages_may_be_any_iterable(encoder: ModularEncoder, german: list[str]) -> None:
    expected = encoder.encode(german, "deu")
    np.testing.assert_array_equal(encoder.encode(iter(german), ("deu" for _ in german)), expected)  # type: ignore[call-overload]
    np.testing.assert_array_equal(encoder.encode(np.array(german), "deu"), expected)


def test_progress_is_shown_only_on_request_and_counts_every_sentence(
    encoder: ModularEncoder, german: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = encoder.encode([*german, *german], "deu")
    assert capsys.readouterr() == ("", "")
    shown = encoder.encode([*german, *german], "deu", show_progress=True)
    assert "24/24" in capsys.readouterr().err
    np.testing.assert_array_equal(shown, quiet)


@pytest.mark.parametrize("empty", ["", " ", "\n\t", "\u00a0\u3000"])
def test_an_empty_sentence_is_refused_with_its_number(encoder: ModularEncoder, empty: str) -> None:
    with pytest.raises(InputTextError, match="sentence 1 is empty: leave it out"):
        encoder.encode(["Gut.", empty], "deu")


@pytest.mark.parametrize("wrong", [None, 5, b"Gut.", ["Gut."], float("nan")])
def test_what_is_not_a_string_is_refused_with_its_number_and_type(encoder: ModularEncoder, wrong: Any) -> None:
    with pytest.raises(InputTextError, match=f"sentence 1 is {type(wrong).__name__}, not a string"):
        encoder.encode(["Gut.", wrong], "deu")


def test_a_long_object_is_not_printed_whole(encoder: ModularEncoder) -> None:
    with pytest.raises(InputTextError) as caught:
        encoder.encode([["x" * 10_000]], "deu")  # type: ignore[list-item]
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("wrong", [None, 5])
def test_something_that_holds_no_sentences_is_refused(encoder: ModularEncoder, wrong: Any) -> None:
    with pytest.raises(InputTextError, match=f"expected a string or strings.*found {type(wrong).__name__}"):
        encoder.encode(wrong, "deu")


def test_a_lone_surrogate_is_refused_with_its_place(encoder: ModularEncoder) -> None:
    with pytest.raises(InputTextError, match="sentence 1 has a lone surrogate at character 2.*errors='replace'"):
        encoder.encode(["Gut.", "Ja\ud800."], "deu")


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("language", "limit", "name"), [("deu", 64, "deu"), (None, 128, "base")])
def test_a_hundred_thousand_characters_are_cut_with_a_warning(
    encoder: ModularEncoder, caplog: pytest.LogCaptureFixture, language: str | None, limit: int, name: str, align: bool
) -> None:
    long = ("Guten Morgen! " * 10_000)[:100_000]
    with caplog.at_level(logging.WARNING, logger="adapters_hub"):
        vectors = encoder.encode([long, "Gut."], language, align=align)
    assert [record.message for record in caplog.records if record.name.startswith("adapters_hub")] == [
        f"1 of 2 sentences ({name}) have more than {limit} tokens and were cut"
    ]
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(vectors[1], encoder.encode("Gut.", language, align=align), atol=1e-5)


def test_what_the_vocabulary_cannot_write_is_told_with_its_sentence(
    encoder: ModularEncoder, german: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="adapters_hub"):
        encoder.encode(german, "deu")
    assert not caplog.records
    with caplog.at_level(logging.WARNING, logger="adapters_hub"):
        encoder.encode([*german, "Gut 😀."], "deu")
    told = "1 of 13 sentences (deu) contain characters that its vocabulary does not have (sentence 12: '😀')"
    assert [record.getMessage() for record in caplog.records] == [told]
    with caplog.at_level(logging.WARNING, logger="adapters_hub"):
        encoder.encode(["ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ᎠᏂ", "Gut."], "deu")
    assert "1 of 2 sentences (deu) consist largely of letters that its vocabulary does not have" in caplog.text
    assert "are they in another language or script?" in caplog.text


def test_details_tell_what_is_not_in_the_vectors(encoder: ModularEncoder, german: list[str]) -> None:
    texts = ["Gut ☃ und ☂, sehr ☃!", german[0], None, "Wort " * 80, "Das kostet viele ₿."]
    languages = ["deu", None, None, "deu", "deu"]
    found = encoder.encode(texts, languages, align=True, empty="missing", details=True)  # type: ignore[call-overload]
    assert found.unknown == [("☃", "☂"), (), (), (), ("₿",)]
    assert (found.cut, found.missing) == ([False, False, False, True, False], [2])
    rest = [number for number, text in enumerate(texts) if text]
    plain = encoder.encode([texts[n] for n in rest], [languages[n] for n in rest], align=True)  # type: ignore[call-overload]
    np.testing.assert_array_equal(found.vectors[rest], plain)
    one = encoder.encode("Ein ☃.", "deu", convert_to="tensor", details=True)
    assert (one.vectors.shape, one.unknown) == ((encoder.dimension,), [("☃",)])


def test_what_the_prompt_lacks_is_not_the_sentences_fault(shelf: Shelf, tmp_path: Path) -> None:
    module = make_language(shelf.base, tmp_path / "deu", "deu", 20, build_tokenizer("bpe", 400), prompt="☃ ")
    encoder = shelf.encoder(module.folder)
    assert encoder.encode(["Gut.", "Gut ☂"], "deu", details=True).unknown == [(), ("☂",)]


@pytest.mark.parametrize("kind", ["unigram", "bpe", "wordpiece"])
def test_canonically_equal_texts_have_the_same_vectors(shelf: Shelf, tmp_path: Path, kind: str) -> None:
    """A module whose tokenizer, saved by an earlier version, only knows composed characters."""
    tokenizer = build_tokenizer(kind, 500)
    tokenizer.backend_tokenizer.normalizer = None
    encoder = shelf.encoder(make_language(shelf.base, tmp_path / "deu", "deu", 20, tokenizer).folder)
    composed = ["Schöne Grüße über Höfe", "Ünal fährt mit dem Fahrrad", "İyi günler, Čapek", "Ångström é"]
    loose = [unicodedata.normalize("NFD", text) for text in composed]
    assert all(one != other for one, other in zip(composed, loose, strict=True))
    for language in ("deu", None):
        np.testing.assert_array_equal(encoder.encode(loose, language), encoder.encode(composed, language))
    assert tokenizer.backend_tokenizer.encode(loose[0]).ids != tokenizer.backend_tokenizer.encode(composed[0]).ids
    exported = encoder.extract("deu").tokenizer.backend_tokenizer
    assert exported.encode(loose[0]).ids == tokenizer.backend_tokenizer.encode(composed[0]).ids


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.DataFrame({"text": ["Gut."], "id": [1]}), "found DataFrame of 'text', 'id': hand over one column"),
        (pl.DataFrame({"text": ["Gut."]}), "found DataFrame of 'text'"),
        (pa.table({"text": ["Gut."]}), "found Table of 'text'"),
        ({"text": ["Gut."]}, "found dict of 'text': hand over one column, table"),
        (UserDict(deu="Gut."), "found UserDict of 'deu'"),
        ({"Gut.", "Ja."}, "found set, which has no order"),
        (b"Gut.", "found bytes: decode it"),
        (np.array([["Gut.", "Ja."]]), "found ndarray: hand over one column"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_table_is_not_read_by_its_keys(encoder: ModularEncoder, table: Any, words: str) -> None:
    with pytest.raises(InputTextError, match=words) as caught:
        encoder.encode(table, "deu")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputTextError, match="expected a language or one per sentence"):
        encoder.encode(["Gut."], table)


@pytest.mark.parametrize("column", [pd.Series, pl.Series, pa.array, np.array, tuple, list])
def test_columns_of_every_kind_are_taken(encoder: ModularEncoder, german: list[str], column: Any) -> None:
    expected = encoder.encode(german, "deu")
    np.testing.assert_array_equal(encoder.encode(column(german), column(["deu"] * len(german))), expected)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, np.nan, "", " \t\u3000"])
def test_missing_sentences_are_named_or_have_vectors_of_nan(encoder: ModularEncoder, missing: Any) -> None:
    texts = [missing, "Gut.", missing, "Ja."]
    with pytest.raises(InputTextError, match=r"sentences 0, 2 of 4 are empty: leave them out, or .* empty='missing'"):
        encoder.encode(texts, "deu")
    found = encoder.encode(texts, ["fin", "deu", pd.NA, "deu"], align=True, empty="missing")  # type: ignore[list-item]
    assert np.isnan(found[[0, 2]]).all()
    np.testing.assert_array_equal(found[[1, 3]], encoder.encode(["Gut.", "Ja."], "deu", align=True))
    assert np.isnan(encoder.encode([missing], "deu", empty="missing", truncate_dim=3)).shape == (1, 3)
    with pytest.raises(InputTextError, match="empty must be one of error, missing, not 'skip'"):
        encoder.encode(texts, "deu", empty="skip")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("code", "kind"), [(pd.NA, "missing .NAType"), (float("nan"), "missing .float"), (5, "not a st")]
)
def test_a_language_that_is_missing_is_refused_with_its_number(encoder: ModularEncoder, code: Any, kind: str) -> None:
    with pytest.raises(InputTextError, match=f"the language of sentence 1 is {kind}"):
        encoder.encode(["Gut.", "Ja."], ["deu", code])


def test_another_code_of_a_language_is_refused_with_the_one_that_is_loaded(encoder: ModularEncoder) -> None:
    with pytest.raises(InputTextError, match="language 'ger' is not loaded .*: use 'deu', which is the same"):
        encoder.encode("Gut.", "ger")


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[::-1][::-1],
        lambda x: x[:, ::-1][:, ::-1],
        lambda x: x.astype(">f4"),
        lambda x: x.astype("<f8")[::-1][::-1],
        lambda x: np.asfortranarray(x),
        lambda x: torch.from_numpy(x).double().requires_grad_(),
        lambda x: x.tolist(),
    ],
)
def test_similarity_takes_vectors_however_they_lie_in_memory(change: Any) -> None:
    vectors = np.random.default_rng(5).normal(size=(4, 6)).astype(np.float32)
    expected = ModularEncoder.similarity(vectors, vectors)
    flipped = ModularEncoder.similarity(vectors[::-1], vectors)
    np.testing.assert_allclose(flipped, expected[::-1], atol=1e-6)
    np.testing.assert_allclose(ModularEncoder.similarity(change(vectors), vectors), expected, atol=1e-6)


def test_only_the_beginning_of_a_cut_sentence_counts(
    encoder: ModularEncoder, german: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    start = " ".join(german)
    with caplog.at_level(logging.WARNING, logger="adapters_hub"):
        vectors = encoder.encode([start + " Ende eins.", start + " Ganz anderes Ende zwei!"], "deu")
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert "2 of 2 sentences" in caplog.text


@pytest.mark.parametrize("text", ["\x00", "🙂" * 300, "a\u0301" * 200, "\u202eabc", "ﷺ", "汉字" * 200, "\ufeff."])
def test_peculiar_text_gives_finite_vectors(encoder: ModularEncoder, text: str) -> None:
    for language in ("deu", None):
        assert np.isfinite(encoder.encode(text, language)).all()


def test_an_unknown_language_is_refused_with_those_that_are_loaded(encoder: ModularEncoder) -> None:
    for language in ("kaz", "de", ""):
        with pytest.raises(InputTextError, match=rf"language '{language}' is not loaded \(loaded: eng, deu\)"):
            encoder.encode(["Gut."], language)
    with pytest.raises(InputTextError, match="language 'kaz' is not loaded"):
        encoder.encode(["Gut.", "Жақсы."], ["deu", "kaz"])


def test_an_encoder_without_modules_says_so(shelf: Shelf) -> None:
    with pytest.raises(InputTextError, match=r"'deu' is not loaded \(loaded: none\)"):
        shelf.encoder().encode("Gut.", "deu")


@pytest.mark.parametrize("languages", [["deu"], ["deu"] * 3, []])
def test_a_wrong_number_of_languages_is_refused(encoder: ModularEncoder, languages: list[str]) -> None:
    with pytest.raises(InputTextError, match=f"2 sentences but {len(languages)} languages: give one, or one per"):
        encoder.encode(["Gut.", "Schlecht."], languages)


def test_a_language_that_is_none_is_refused(encoder: ModularEncoder) -> None:
    with pytest.raises(InputTextError, match="expected a language or one per sentence, found int"):
        encoder.encode(["Gut."], 5)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"truncate_dim": 0}, "truncate_dim between 1 and 32"),
        ({"truncate_dim": 33}, "truncate_dim between 1 and 32"),
        ({"convert_to": "list"}, "convert_to must be 'numpy' or 'tensor', not 'list'"),
    ],
)
def test_options_out_of_range_are_refused(encoder: ModularEncoder, options: dict[str, Any], words: str) -> None:
    with pytest.raises(AdaptersHubError, match=words):
        encoder.encode(["Gut."], "deu", **options)


@pytest.mark.parametrize("language", [None, "deu"])
def test_max_length_is_where_sentences_are_cut(
    encoder: ModularEncoder, language: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    most = encoder.max_length(language)
    encoder.encode(["a " * most], language)
    assert f"have more than {most} tokens and were cut" in caplog.text
    with pytest.raises(AdaptersHubError, match="kaz"):
        encoder.max_length("kaz")


def test_an_error_in_one_call_does_not_change_the_next(encoder: ModularEncoder, german: list[str]) -> None:
    expected = encoder.encode(german, "deu", align=True)
    with pytest.raises(InputTextError):
        encoder.encode([german[0], "x"], ["deu", "kaz"])
    np.testing.assert_array_equal(encoder.encode(german, "deu", align=True), expected)


@pytest.mark.filterwarnings("error")
def test_similarity_is_the_cosine_of_every_pair() -> None:
    a, b = np.array([[3.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 2.0], [5.0, 0.0], [-1.0, 0.0]])
    found = ModularEncoder.similarity(a, b)
    half = 0.5**0.5
    np.testing.assert_allclose(found, [[0, 1, -1], [half, half, -half]], atol=1e-6)
    assert ModularEncoder.similarity(a[0], b).shape == (3,)
    assert ModularEncoder.similarity(a, b[0]).shape == (2,)
    assert ModularEncoder.similarity(a[0], b[1]) == pytest.approx(1.0)
    with pytest.raises(AdaptersHubError, match="vectors of 2 and 3 dimensions are not comparable"):
        ModularEncoder.similarity(a, torch.zeros(1, 3))
