"""Languages of texts, detected among a few."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from adapters_hub import AdaptersHubError, AutoLanguage, Detected
from adapters_hub.detection import detect, probabilities
from tests.conftest import ROOT

LOADED = ["eng", "deu", "tur", "rus", "kaz"]
SILESIAN = "Biydny psiok siedzioł pod płotym i czekoł, aż gospodorz wrōci do dōm."


def texts(language: str) -> list[str]:
    with (ROOT / "sample_data" / "graded" / "dev.tsv").open(encoding="utf-8", newline="") as file:
        return [line[f"{language}_1"] for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


@pytest.mark.parametrize("language", LOADED)
def test_sentences_of_the_loaded_languages_are_detected_with_confidence(language: str) -> None:
    found = detect(texts(language), LOADED)
    right = [one.language == language and one.confidence >= AutoLanguage().threshold for one in found]
    assert sum(right) >= 0.97 * len(right)


@pytest.mark.parametrize("loaded", [["eng", "kaz"], ["eng", "tur", "kaz"]])
def test_a_sentence_in_another_language_has_a_low_confidence(loaded: list[str]) -> None:
    found = detect([*texts("deu"), *texts("rus")], loaded)
    assert sum(one.confidence < AutoLanguage().threshold for one in found) >= 0.97 * len(found)


def test_probabilities_are_those_of_all_languages_and_a_few_words_leave_doubt() -> None:
    for text in ("", "12", "a", "Wo ist der Bahnhof?", "Қайырлы таң"):
        scores = probabilities(text, LOADED)
        assert sum(scores.values()) == pytest.approx(1)
        assert all(score >= 0 for score in scores.values())
        assert len(scores) > 100
    assert probabilities("Wo ist der Bahnhof?", LOADED)["deu"] > probabilities("Wo ist", LOADED)["deu"]


@pytest.mark.parametrize(
    ("text", "loaded", "expected"),
    [
        ("Bolalar hovlida har kuni to'p o'ynaydilar.", ["eng", "uzb"], "uzb"),
        ("Bolalar hovlida har kuni to'p o'ynaydilar.", ["tur", "uzn_Latn"], "uzn_Latn"),
        ("Uşaqlar hər gün həyətdə top oynayırlar.", ["tur", "aze"], "aze"),
        ("الأطفال يلعبون الكرة في الفناء كل يوم.", ["eng", "ara"], "ara"),
        ("孩子们每天都在院子里玩球。", ["eng", "zho_Hans"], "zho_Hans"),
        ("孩子们每天都在院子里玩球。", ["eng", "cmn"], "cmn"),
    ],
)
def test_any_code_of_a_language_is_found(text: str, loaded: list[str], expected: str) -> None:
    (found,) = detect([text], loaded)
    assert found.language == expected
    assert found.confidence > 0.9


def test_the_script_decides_between_two_codes_of_one_language() -> None:
    latin, cyrillic = "Bolalar hovlida har kuni to'p o'ynaydilar.", "Болалар ҳовлида ҳар куни тўп ўйнайдилар."
    for loaded in (["uzn_Latn", "uzn_Cyrl"], ["uzn_Cyrl", "uzn_Latn"]):
        assert [one.language for one in detect([latin, cyrillic], loaded)] == ["uzn_Latn", "uzn_Cyrl"]


def test_a_language_that_the_detector_does_not_know_is_found_by_elimination() -> None:
    loaded = ["eng", "kaz", "szl"]
    found = detect([SILESIAN, *texts("eng"), *texts("kaz")], loaded)
    assert found[0].language == "szl"
    expected = ["eng"] * len(texts("eng")) + ["kaz"] * len(texts("kaz"))
    wrong = [one for one, code in zip(found[1:], expected, strict=True) if one.language != code]
    assert len(wrong) <= 0.03 * len(expected)
    (tifinagh,) = detect(["ⴰⵣⵓⵍ ⵎⴰⵏⵉⵎⴽ ⵜⴳⵉⵜ"], [*loaded, "tzm_Tfng"])
    assert tifinagh.language == "tzm_Tfng"


def test_several_languages_that_the_detector_does_not_know_are_not_told_apart() -> None:
    (found,) = detect([SILESIAN], ["eng", "szl", "bam"])
    assert found.confidence < AutoLanguage().threshold


def test_there_is_no_language_without_any_to_choose_from() -> None:
    assert detect(["Guten Morgen"], []) == [Detected(None, 0.0)]
    assert detect([], ["eng"]) == []


@pytest.mark.parametrize("values", [*({"threshold": value} for value in (1.5, True, float("nan"))), {"below": "deu"}])
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(AdaptersHubError, match="a threshold between 0 and 1, found|below must be one of base, error"):
        AutoLanguage(**values)
