from __future__ import annotations

import csv

import pytest

from adapters_hub.detection import probabilities
from adapters_hub.languages import find_language
from demo.input.examples import TITLES, example
from demo.input.guessing import PAPER, guess_language
from tests.conftest import ROOT


def test_all_languages_of_the_paper_can_be_guessed() -> None:
    labels = probabilities("")
    assert all(find_language(code, labels) for code in PAPER)
    assert len(PAPER) == 23


@pytest.mark.parametrize("language", ["eng", "deu", "tur", "rus", "kaz"])
def test_sentences_of_the_sample_data_are_known(language: str) -> None:
    with (ROOT / "sample_data" / "graded" / "dev.tsv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    right = [guess_language(line[f"{language}_1"]) == language for line in lines]
    assert sum(right) >= 0.97 * len(right)


def test_the_examples_are_known() -> None:
    rows = [row for name in TITLES for row in example(name)]
    wrong = [row for row in rows if guess_language(row.text, ["eng", "deu", "tur", "rus"]) != row.language]
    assert len(wrong) <= 0.1 * len(rows), wrong


def test_languages_with_a_module_are_preferred_where_the_text_is_short() -> None:
    assert guess_language("Hello", ["eng", "deu"]) == "eng"
    assert guess_language("123 456", ["deu"]) == "deu"
    assert guess_language("Қайырлы таң", ["kaz_Cyrl"]) == "kaz_Cyrl"


def test_codes_become_iso_639_3() -> None:
    guessed = [guess_language(text) for text in ("Wo ist der Bahnhof?", "أين المحطة من فضلك؟", "Lapsed mängivad õues.")]
    assert guessed == ["deu", "arb", "est"]


def test_a_module_of_a_macro_language_or_of_its_main_language_is_found() -> None:
    assert guess_language("Watoto wanacheza mpira uwanjani kila siku.", ["swh"]) == "swh"
    assert guess_language("Lapsed mängivad õues iga päev palli.", ["ekk"]) == "ekk"
    assert guess_language("Barna leker ute i hagen hver eneste dag.", ["nor", "nob"]) in ("nor", "nob")
