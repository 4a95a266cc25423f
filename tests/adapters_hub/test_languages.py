"""Language codes: ISO 639-3, and nothing that merely looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from adapters_hub import AdaptersHubError
from adapters_hub.languages import check_language, find_language, hub_code, language_name, long_code, same_language


@pytest.mark.parametrize("code", ["deu", "kaz", "uig", "azj", "kaz_Cyrl", "uzn_Latn"])
def test_iso_639_3_codes_with_or_without_script_are_accepted(code: str) -> None:
    assert check_language(code) == code


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("de", "deu"), ("German", "deu"), ("german", "deu"), ("ger", "deu"), ("kk", "kaz"), ("DEU", "deu")],
)
def test_a_wrong_code_is_refused_with_the_right_one(wrong: str, meant: str) -> None:
    with pytest.raises(AdaptersHubError, match=f"{wrong!r} is not an ISO 639-3 code.*did you mean {meant!r}"):
        check_language(wrong)


@pytest.mark.parametrize(
    "wrong", ["xxq", "", "deu_", "deu_latn", "deu_Qqqq", "deu-Latn", "deu_Latn_x", "deu\n", 5, None]
)
def test_what_cannot_be_guessed_is_refused_with_a_pointer(wrong: Any) -> None:
    with pytest.raises(AdaptersHubError, match="is not an ISO 639-3 code") as caught:
        check_language(wrong)
    assert "\n" not in str(caught.value)


def test_a_code_has_an_english_name() -> None:
    assert language_name("kaz_Cyrl") == "Kazakh"
    assert language_name("deu") == "German"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("uzn", "uz"), ("uzn", "uzb"), ("azj", "aze"), ("azj", "az"), ("arb", "ara"), ("swh", "swa"), ("cmn", "zho")),
        *(
            ("ekk", "est"),
            ("lvs", "lav"),
            ("nob", "nor"),
            ("pes", "fas"),
            ("khk", "mon"),
            ("gaz", "orm"),
            ("als", "sq"),
        ),
        *(("zsm_Latn", "msa"), ("cmn_Hans", "zh-Hans"), ("npi_Deva", "nep"), ("deu", "ger"), ("kaz_Cyrl", "kk")),
    ],
)
def test_a_macro_language_and_the_one_that_is_meant_by_it_are_the_same(one: str, other: str) -> None:
    assert same_language(one, other)
    assert same_language(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("ara", "arz"), ("uzb", "uzs"), ("zho", "yue"), ("nno", "nob"), ("hrv", "srp"), ("fas", "prs")),
        *(
            ("cmn_Hans", "zho_Hant"),
            ("uzn_Latn", "uzb_Cyrl"),
            ("deu", "default"),
            ("deu", "de-en"),
            ("deu", "de-fr"),
            ("deu", ""),
        ),
    ],
)
def test_relatives_scripts_and_what_is_no_code_are_told_apart(one: str, other: str) -> None:
    assert not same_language(one, other)
    assert not same_language(other, one)


@pytest.mark.parametrize(
    ("code", "among", "found"),
    [
        ("swa", ["swh", "eng"], "swh"),
        ("swh", ["swa", "swh"], "swh"),
        ("zho", ["cmn_Hant", "cmn_Hans"], "cmn_Hans"),
        ("et", ["fin", "ekk_Latn"], "ekk_Latn"),
        ("kaz_Arab", ["kaz_Cyrl"], None),
        ("arb", [], None),
    ],
)
def test_a_language_is_found_by_any_of_its_codes(code: str, among: list[str], found: str | None) -> None:
    assert find_language(code, among) == found


def test_the_hub_knows_languages_by_two_letters_where_there_are_any() -> None:
    codes = {
        "uzn": "uz",
        "cmn_Hans": "zh",
        "arb": "ar",
        "azj": "az",
        "swh": "sw",
        "ekk": "et",
        "kab": "kab",
        "tgl": "tl",
    }
    assert {code: hub_code(code) for code in codes} == codes
    assert [long_code(code) for code in ("sw", "kab", "xx", "ber")] == ["swa", "kab", None, None]
