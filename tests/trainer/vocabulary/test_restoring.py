from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import sample_sentences
from trainer.data.rules import normalizer, read_rules
from trainer.vocabulary.restoring import learn, lines, main

DROPPED = {"ö": "o", "Ö": "O", "ş": "s", "Ş": "S", "ı": "i", "İ": "I"}
TEXTS = ["Söz ışık dost", "İş söz sokak", "dost şiş", "on söz, şişe ışık"] * 3


def restorer(folder: Path, text: list[str]) -> Callable[[str], str]:
    path = folder / "rules.tsv"
    path.write_text("\n".join(text))
    return normalizer(read_rules(str(path), "", "")).normalize_str


def test_what_typing_loses_is_restored_by_the_letters_around_it(tmp_path: Path) -> None:
    restored = restorer(tmp_path, list(lines(learn(TEXTS, DROPPED, 2), DROPPED)))
    assert restored("soz isik dost, on sise sokak") == "söz ışık dost, on şişe sokak"
    assert restored("Soz, Is, Dost") == "Söz, İş, Dost"


def test_text_in_the_usual_spelling_stays_as_it_is(tmp_path: Path) -> None:
    restored = restorer(tmp_path, list(lines(learn(TEXTS, DROPPED, 2), DROPPED)))
    assert [restored(text) for text in (*TEXTS, "söz soz")] == [*TEXTS, "söz soz"]


def test_a_context_must_correct_enough_letters() -> None:
    few = learn(["bol bol böl"], {"ö": "o"}, 2)
    assert few == {"o": {}}
    assert learn(["bol bol böl böl böl böl"], {"ö": "o"}, 2) == {"o": {("", ""): "ö"}}


def test_a_letter_that_is_typed_as_two_is_no_letter_to_restore_but_stands_around_one() -> None:
    found = learn(["жол жөл"] * 3 + ["кол"] * 5, {"ж": "zh", "о": "o", "ө": "o", "к": "k", "л": "l"}, 1)
    assert found["o"]["", ""] == "о"
    assert set(found) == {"o", "k", "l"}


def test_the_command_prints_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "tur.txt"
    text.write_text("\n".join(sample_sentences("tur")))
    monkeypatch.setattr(sys, "argv", ["restoring", "--language", "tur", "--text", str(text), "--gain", "1"])
    main()
    restored = restorer(tmp_path, capsys.readouterr().out.splitlines())
    typed = normalizer(read_rules("trainer/recipes/typing/tur.tsv", "", "")).normalize_str
    usual = [sentence for sentence in sample_sentences("tur") if typed(sentence) != sentence]
    assert sum(restored(typed(sentence)) == sentence for sentence in usual) > len(usual) / 2
