from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from adapters_hub import AdaptersHubError
from eval.metrics import pair_similarities, spearman
from eval.sample import Scores, evaluate, read_graded, read_meanings, table

LANGUAGES = ["eng", "deu", "tur", "rus"]


def letters(sentences: Sequence[str], _language: str) -> np.ndarray:
    """How often each of 256 classes of characters occurs."""
    vectors = np.zeros((len(sentences), 256))
    for row, sentence in enumerate(sentences):
        for character in sentence.lower():
            vectors[row, ord(character) % 256] += 1
    return vectors


def meaning_of_place(languages: Sequence[str]) -> dict[str, np.ndarray]:
    """For every sentence of the test meanings a vector of its own, the same in all languages."""
    meanings = read_meanings("test", languages)
    ones = np.eye(len(meanings[languages[0]]))
    return {text: ones[row] for texts in meanings.values() for row, text in enumerate(texts)}


def test_graded_pairs_are_aligned_with_their_grades() -> None:
    pairs, gold = read_graded("test", LANGUAGES)
    assert list(pairs) == LANGUAGES
    assert {len(side) for sides in pairs.values() for side in sides} == {len(gold)}
    row = pairs["eng"][0].index("Translating poems is no easy task.")
    assert pairs["eng"][1][row] == "The bookshop gives students a discount."
    assert pairs["deu"][0][row] == "Gedichte zu übersetzen ist keine leichte Aufgabe."
    assert gold[row] == 1


def test_meanings_are_in_the_same_place_in_every_language() -> None:
    meanings = read_meanings("test", ["tur", "eng"])
    row = meanings["eng"].index("He changes his mind as often as his socks.")
    assert meanings["tur"][row] == "Fikrini çorap değiştirir gibi değiştiriyor."


def test_a_language_that_the_data_lacks_is_named_with_those_it_has() -> None:
    with pytest.raises(AdaptersHubError, match=r"no column 'fra'; it has .*eng"):
        read_meanings("test", ["eng", "fra"])


def test_evaluation_covers_every_language_and_every_pair_once() -> None:
    scores = evaluate(letters, letters, LANGUAGES, "test")
    pairs = [f"{a}-{b}" for a, b in itertools.combinations(LANGUAGES, 2)]
    assert list(scores.monolingual) == LANGUAGES
    assert list(scores.cross_lingual) == list(scores.retrieval) == pairs
    pairs_of_rus, gold = read_graded("test", ["rus"])
    a, b = (letters(side, "rus") for side in pairs_of_rus["rus"])
    assert scores.monolingual["rus"] == pytest.approx(spearman(pair_similarities(a, b), gold))


def test_an_encoder_of_meanings_finds_every_translation() -> None:
    known = meaning_of_place(LANGUAGES)

    def align(sentences: Sequence[str], language: str) -> np.ndarray:
        if sentences[0] in known:
            return np.stack([known[sentence] for sentence in sentences])
        return letters(sentences, language)

    scores = evaluate(letters, align, LANGUAGES, "test")
    assert set(scores.retrieval.values()) == {100.0}
    assert scores.monolingual == evaluate(letters, letters, LANGUAGES, "test").monolingual


def test_alignment_is_used_across_languages_and_not_within() -> None:
    pairs, gold = read_graded("test", LANGUAGES)
    grade = {text: value for sides in pairs.values() for text, value in zip(sides[1], gold, strict=True)}

    def align(sentences: Sequence[str], language: str) -> np.ndarray:
        """Second sentences at the angle of their grade from the first ones."""
        angles = [np.pi / 2 * (1 - grade[text] / 6) if text in grade else 0 for text in sentences]
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    scores = evaluate(letters, align, LANGUAGES, "test")
    assert min(scores.cross_lingual.values()) > 90
    assert scores.language_bias == pytest.approx(0, abs=1)
    assert max(scores.monolingual.values()) < 90


def test_the_table_has_a_column_for_each_encoder_and_the_means() -> None:
    base = Scores({"eng": 70.0, "deu": 50.0}, {"eng-deu": 40.0}, {"eng-deu": 30.0}, 12.5)
    better = Scores({"eng": 80.0, "deu": 60.0}, {"eng-deu": 55.0}, {"eng-deu": 99.9}, 1.5)
    lines = table({"base": base, "modules, aligned": better}).splitlines()
    figures = [line.split() for line in lines]
    assert lines[0].split() == ["base", "modules,", "aligned"]
    assert ["eng", "70.0", "80.0"] in figures
    assert ["mean", "60.0", "70.0"] in figures
    assert ["eng-deu", "30.0", "99.9"] in figures
    assert figures[-1][-2:] == ["12.5", "1.5"]
    assert len({len(line) for line in lines if line[-1].isdigit()}) == 1
