"""Language codes: ISO 639-3 and nothing that looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from adapters_hub import AdaptersHubError
from adapters_hub.languages import check_language, language_name


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
