from __future__ import annotations

from demo.input.examples import TITLES, example, opening


def test_a_page_opens_with_sentences_that_all_have_a_module() -> None:
    for languages in (["eng", "deu", "tur", "rus"], ["eng", "kaz", "uzn"], ["arb", "uig", "eng"]):
        assert {row.language for row in opening(languages)[1]} == set(languages)


def test_of_sets_with_as_many_languages_the_first_is_taken() -> None:
    assert opening(["eng", "deu", "tur", "rus"]) == ("first", list(example("first")))


def test_without_two_languages_in_common_the_first_set_is_shown_whole() -> None:
    first = next(iter(TITLES))
    assert opening(["swa"]) == opening([]) == (first, list(example(first)))
