from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
from datasets import Dataset

from trainer.data.errors import DataError
from trainer.data.mixing import Lexicon, with_mixed
from trainer.settings import RECIPES, AlignmentSettings, DataSource, MixingSettings, Recipe, SettingsError

WORDS = [("dog", "ит"), ("run", "жүгіріп"), ("the", "-"), ("child", "бала"), ("water", "су"), ("men", "ерлер")]


def mixed(sentence: str, words: list[tuple[str, str]] = WORDS, pivot: str = "eng") -> tuple[str, float]:
    return Lexicon(words, pivot).mix(sentence, random.Random(0))


@pytest.mark.parametrize(
    ("sentence", "expected", "share"),
    [
        ("The dog runs.", "ит жүгіріп.", 1.0),
        ("Children, running in the water!", "бала, жүгіріп in су!", 0.8),
        ("A cat sleeps", "A cat sleeps", 0.0),
        ("Men", "ерлер", 1.0),
        ("42 + 1", "42 + 1", 0.0),
        ("", "", 0.0),
    ],
)
def test_words_change_where_they_stand_by_form_or_lemma(sentence: str, expected: str, share: float) -> None:
    assert mixed(sentence) == (expected, pytest.approx(share))


def test_the_form_that_is_in_the_lexicon_goes_before_the_lemma() -> None:
    words = [("glasses", "көзілдірік"), ("glass", "шыны")]
    assert mixed("a glass, two glasses", words)[0] == "a шыны, two көзілдірік"
    assert mixed("a glass, two glasses", words[::-1])[0] == "a шыны, two көзілдірік"


def test_a_pivot_whose_inflection_is_unknown_is_matched_as_written() -> None:
    assert mixed("dogs dog", pivot="kaz") == ("dogs ит", 0.5)


def test_all_translations_of_a_word_are_used_and_the_same_seed_uses_the_same() -> None:
    lexicon = Lexicon([("dog", "ит"), ("dog", "күшік")], "eng")
    assert len(lexicon) == 1
    sentence = " ".join(["dog"] * 40)
    first, second = (lexicon.mix(sentence, random.Random(1))[0] for _ in range(2))
    assert first == second
    assert set(first.split()) == {"ит", "күшік"}


@pytest.fixture
def settings(tmp_path: Path) -> MixingSettings:
    (tmp_path / "kaz.tsv").write_text("".join(f"{word}\t{translation}\n" for word, translation in WORDS))
    pairs = ["The dog runs.\tA dog is running.", "The dog runs.\tIt runs.", "Nothing known here\tNothing"]
    (tmp_path / "eng.tsv").write_text("".join(f"{pair}\n" for pair in pairs))
    lexicon = DataSource(path=str(tmp_path / "{language}.tsv"))
    return MixingSettings(lexicon=lexicon, sentences=DataSource(path=str(tmp_path / "{pivot}.tsv")), coverage=0.5)


PAIRS = Dataset.from_dict({"pivot": ["Good morning"], "target": ["Қайырлы таң"]})


def test_mixed_sentences_come_before_the_pairs_once_and_only_where_enough_is_known(settings: MixingSettings) -> None:
    found = with_mixed(PAIRS, settings, "kaz", "eng", seed=0)
    assert found["pivot"][:] == ["The dog runs.", "Good morning"]
    assert found["target"][:] == ["ит жүгіріп.", "Қайырлы таң"]
    settings.coverage = 0.0  # even then, a sentence without any known word is not a pair
    assert len(with_mixed(PAIRS, settings, "kaz", "eng", seed=0)) == 2


def test_a_language_without_a_lexicon_has_no_mixed_sentences(settings: MixingSettings, tmp_path: Path) -> None:
    assert with_mixed(PAIRS, settings, "deu", "eng", seed=0) is PAIRS
    assert with_mixed(PAIRS, MixingSettings(), "kaz", "eng", seed=0) is PAIRS
    settings.lexicon.path = str(tmp_path / "deu.tsv")
    with pytest.raises(DataError, match="does not exist"):
        with_mixed(PAIRS, settings, "deu", "eng", seed=0)


def test_a_lexicon_that_is_no_table_of_words_is_refused(settings: MixingSettings, tmp_path: Path) -> None:
    for text, told in (("a\t-\ndog\n", "row 2: expected a word and .* found 'dog' alone"), ("a\tb\tc\n", "found 3")):
        (tmp_path / "kaz.tsv").write_text(text)
        with pytest.raises(DataError, match=told):
            with_mixed(PAIRS, settings, "kaz", "eng", seed=0)


def test_a_lexicon_keeps_to_its_limit(settings: MixingSettings) -> None:
    settings.lexicon.limit = 1
    settings.coverage = 0.3
    assert with_mixed(PAIRS, settings, "kaz", "eng", seed=0)["target"][:] == ["The ит runs.", "Қайырлы таң"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sentences": DataSource()}, "set cla.mixed.sentences.path"),
        ({"lexicon": DataSource(path="kaz.tsv")}, "would be the same file for kaz, tur: use {language} in it"),
        ({"coverage": -0.1}, "cla.mixed.coverage must be at least 0 and at most 1"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings: MixingSettings, changes: dict[str, object], told: str) -> None:
    mixed = dataclasses.replace(settings, **changes)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=told):
        Recipe(languages=["kaz"], cla=AlignmentSettings(mixed=mixed, related=["tur"])).check()


def test_no_sentence_with_enough_known_words_leaves_the_pairs(settings: MixingSettings, tmp_path: Path) -> None:
    (tmp_path / "eng.tsv").write_text("Nothing known here\tNothing\n")
    assert with_mixed(PAIRS, settings, "kaz", "eng", seed=0)["pivot"][:] == ["Good morning"]


def test_the_lexicons_of_the_recipes_have_the_same_words_and_each_its_translation() -> None:
    lexicons = sorted((RECIPES / "lexicon").glob("*.tsv"))
    assert len(lexicons) >= 11
    words = []
    for path in lexicons:
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        assert all(len(row) == 2 and row[0] == row[0].strip().lower() for row in rows), path
        assert {row[0] for row in rows if row[1] == "-"} == {"a", "an", "the", "is", "are", "was", "were"}, path
        words.append([row[0] for row in rows])
    assert all(other == words[0] for other in words)
