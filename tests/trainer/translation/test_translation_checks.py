"""The checks of a translation before it becomes training text."""

from __future__ import annotations

import pytest

from tests.conftest import sample_sentences
from trainer.translation import Checks, Translation, script_of
from trainer.translation.checks import is_loop, share_of_script

GERMAN, KAZAKH = sample_sentences("deu")[:40], sample_sentences("kaz")[:40]
DICTIONARY = dict(zip(GERMAN, KAZAKH, strict=True))


def checks(script: str | None = "Cyrl") -> Checks:
    usual = [(german, Translation(kazakh)) for german, kazakh in DICTIONARY.items()]
    return Checks(usual, script)


SOURCE = "Der Hund bellt laut vor dem Haus."


@pytest.mark.parametrize(
    ("translation", "fault"),
    [
        (Translation("Үйдің алдында ит қатты үреді."), None),
        (Translation("Nike үйдің алдында қатты үреді."), None),
        (Translation("", skipped=True), "too long to translate"),
        (Translation(""), "empty"),
        (Translation("Үйдің алдында ит қатты", finished=False), "cut off"),
        (Translation(SOURCE), "left as it was"),
        (Translation(SOURCE.lower()), "left as it was"),
        (Translation("Үйдің алдында ит ит ит ит ит ит"), "repeating itself"),
        (Translation("Үйдің алды Үйдің алды Үйдің алды Үйдің алды"), "repeating itself"),
        (Translation("Ит."), "of unusual length"),
        (Translation("Үйдің алдында ит қатты үреді. " + " ".join(KAZAKH[:3])), "of unusual length"),
        (Translation("Uydin aldynda it qatty uredi."), "not in Cyrl"),
    ],
)
def test_each_fault_of_a_translation_is_found(translation: Translation, fault: str | None) -> None:
    assert checks().fault(SOURCE, translation) == fault


def test_good_translations_have_no_fault() -> None:
    assert [checks().fault(german, Translation(kazakh)) for german, kazakh in DICTIONARY.items()] == [None] * 40


def test_the_usual_length_is_that_of_the_two_languages() -> None:
    doubled = Checks([("x" * 40, Translation("ы" * 110))] * 3 + [("x" * 40, Translation("ы"))], "Cyrl")
    assert doubled.usual_ratio == pytest.approx(120 / 50)
    german = "abcdefgh ijklmnop qrstuvwx yzabcdef ghi"
    assert doubled.fault(german, Translation("фәхқһ " * 3)) == "of unusual length"
    assert doubled.fault(german, Translation("абвгд ежзий клмно прсту фхцчш щъыьэ юяабв гдежз ийклм нопрс ту")) is None


def test_what_has_no_letters_may_stay_as_it_is_and_a_loop_that_was_there_is_no_fault() -> None:
    assert checks().fault("12:30 - 13:45", Translation("12:30 - 13:45")) is None
    assert checks().fault("ha ha ha ha ha ha ha", Translation("ха ха ха ха ха ха ха")) is None


def test_a_row_has_the_first_fault_of_its_sentences_and_no_two_alike() -> None:
    good, bad = Translation("Үйдің алдында ит қатты үреді."), Translation("")
    other = Translation("Ит үйдің алдында тұрып үріп жатыр.")
    row = (SOURCE, SOURCE + "!", "")
    assert checks().fault_of_row(row, (good, other, bad)) is None
    assert checks().fault_of_row((*row[:2], SOURCE + "?"), (good, other, bad)) == "empty"
    assert checks().fault_of_row(row, (good, bad, bad)) == "empty"
    assert checks().fault_of_row(row, (good, good, bad)) == "alike"


@pytest.mark.parametrize(
    ("code", "script"),
    [
        ("kaz_Cyrl", "Cyrl"),
        ("kk", "Cyrl"),
        ("kk_KZ", "Cyrl"),
        ("kaz_Latn", "Latn"),
        ("deu", "Latn"),
        ("kor_Hang", "Hang"),
        ("zho_Hant", "Hant"),
        ("jpn_Jpan", "Jpan"),
        ("not a code", None),
        ("chr_Cher", "Cher"),
        ("und_Zxxx", None),
    ],
)
def test_the_script_of_a_code(code: str, script: str | None) -> None:
    assert script_of(code) == script


@pytest.mark.parametrize(
    ("text", "script", "share"),
    [
        ("абв где", "Cyrl", 1.0),
        ("абв gde", "Cyrl", 0.5),
        ("漢字かなカナー", "Jpan", 1.0),
        ("한국어", "Hang", 1.0),
        ("नमस्ते", "Deva", 1.0),
        ("ሰላም", "Ethi", 1.0),
        ("ＡＢ", "Latn", 1.0),
        ("12 !?", "Arab", 1.0),
        ("سلام abc", "Arab", 4 / 7),
    ],
)
def test_the_share_of_a_script(text: str, script: str, share: float) -> None:
    assert share_of_script(text, script) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("ja ja ja ja ja", True),
        ("ja, ja, ja", False),
        ("Ende .................", False),
        ("Aaaaaaaaaaaaaaah", True),
        ("1 000 000 000 000 000", False),
        ("das ist das ist das ist das ist gut", True),
        ("我不知道我不知道我不知道我不知道", True),
    ],
)
def test_loops(text: str, loop: bool) -> None:
    assert is_loop(text) == loop
