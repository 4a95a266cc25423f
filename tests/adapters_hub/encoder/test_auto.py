"""`language="auto"`: each sentence is encoded with the module of the language that it is in."""

from __future__ import annotations

import copy
import logging

import numpy as np
import pytest

from adapters_hub import AutoLanguage, Detected, InputTextError, ModularEncoder
from tests.adapters_hub.conftest import Shelf

TURKISH = "Çocuklar her gün bahçede top oynuyor ve akşam eve dönüyorlar."


@pytest.fixture(scope="module")
def encoder(shelf: Shelf) -> ModularEncoder:
    return shelf.encoder(*shelf.folders)


@pytest.fixture(scope="module")
def mixed(german: list[str], english: list[str], kazakh: list[str]) -> tuple[list[str], list[str]]:
    """Sentences that take turns, and their languages."""
    sentences = [text for three in zip(german, english, kazakh, strict=True) for text in three]
    return sentences, ["deu", "eng", "kaz"] * len(german)


def test_each_sentence_has_the_vector_of_its_language(
    encoder: ModularEncoder, mixed: tuple[list[str], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    sentences, languages = mixed
    align = {"deu": "both", "kaz": "parallel"}
    with caplog.at_level(logging.INFO, "adapters_hub"):
        found = encoder.encode(sentences, "auto", align=align)
    np.testing.assert_array_equal(found, encoder.encode(sentences, languages, align=align))
    (said,) = [record.getMessage() for record in caplog.records if "detected" in record.getMessage()]
    count = len(sentences) // 3
    assert said.startswith(
        f"languages detected in {len(sentences)} sentences: {count} deu, {count} eng, {count} kaz; 0 "
    )


def test_queries_and_documents_are_detected_too(encoder: ModularEncoder, kazakh: list[str]) -> None:
    for encode in (encoder.encode_query, encoder.encode_document):
        np.testing.assert_array_equal(encode(kazakh, "auto"), encode(kazakh, "kaz"))


def test_what_is_uncertain_is_encoded_by_the_untouched_base(
    encoder: ModularEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    sentences = ["Wo ist der Bahnhof, und wann fährt der nächste Zug?", TURKISH, "12"]
    with caplog.at_level(logging.INFO, "adapters_hub"):
        found = encoder.encode(sentences, "auto")
    np.testing.assert_array_equal(found, encoder.encode(sentences, ["deu", None, None]))
    assert "1 deu; 2 with a confidence below 0.5, encoded by the untouched base" in caplog.text


def test_detection_can_be_asked_for_some_sentences(encoder: ModularEncoder, german: list[str]) -> None:
    languages = ["auto", "eng", None] * (len(german) // 3)
    expected = ["deu", "eng", None] * (len(german) // 3)
    np.testing.assert_array_equal(encoder.encode(german, languages), encoder.encode(german, expected))


def test_missing_sentences_stay_missing(encoder: ModularEncoder, german: list[str]) -> None:
    vectors = encoder.encode(["", german[0], "  "], "auto", empty="missing")
    assert np.isnan(vectors).all(axis=1).tolist() == [True, False, True]
    np.testing.assert_array_equal(vectors[1], encoder.encode(german[0], "deu"))
    assert encoder.detect(["", german[0]])[0] == Detected(None, 0.0)


def test_the_encoder_tells_what_it_detects(encoder: ModularEncoder, mixed: tuple[list[str], list[str]]) -> None:
    sentences, languages = mixed
    found = encoder.detect(sentences)
    assert [one.language for one in found] == languages
    assert all(0.5 <= one.confidence <= 1 for one in found)
    assert encoder.detect(sentences[0]) == found[:1]
    assert encoder.detect(TURKISH)[0].confidence < 0.5


def test_uncertain_sentences_can_be_refused(shelf: Shelf, german: list[str]) -> None:
    encoder = ModularEncoder(
        shelf.base.copy(), [shelf.eng.folder, shelf.deu.folder], device="cpu", auto=AutoLanguage(0.7, below="error")
    )
    np.testing.assert_array_equal(encoder.encode(german, "auto"), encoder.encode(german, "deu"))
    with pytest.raises(InputTextError, match=r"language of sentences 1 is uncertain: expected a confidence of 0\.7, "):
        encoder.encode([german[0], TURKISH], "auto")
    assert copy.deepcopy(encoder).auto == encoder.auto


def test_without_modules_there_is_nothing_to_choose_from(shelf: Shelf) -> None:
    with pytest.raises(InputTextError, match="language 'auto' is one of those that are loaded, and none is"):
        shelf.encoder().encode("Guten Morgen", "auto")
