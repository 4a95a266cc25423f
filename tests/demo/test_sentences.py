from __future__ import annotations

import pytest

from demo.input.sentences import check_rows, clean, read_file, read_lines
from demo.limits.errors import DemoError
from demo.limits.settings import Limits

LIMITS = Limits(rows=4, characters=40, file_bytes=400)


def test_text_becomes_one_line_without_control_characters() -> None:
    assert clean("a\x00b\x07\n c\u202e d\ud800") == "ab c d"
    assert clean("می\u200cخواهم") == "می\u200cخواهم"


def test_empty_rows_are_left_out_and_missing_languages_guessed() -> None:
    rows = check_rows(
        [{"text": " "}, {"text": "Wo ist der Bahnhof?"}, {"text": "ok", "language": "kaz"}], LIMITS, ["deu"]
    )
    assert [(row.language, row.guessed) for row in rows] == [("deu", True), ("kaz", False)]


def test_a_language_may_have_another_code_than_its_module() -> None:
    rows = check_rows([{"text": "salom", "language": code} for code in ("uz", "uzb", "uzn")], LIMITS, ["eng", "uzn"])
    assert {row.language for row in rows} == {"uzn"}


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([{"text": "a"}] * 5, "5 rows, up to 4"),
        ([{"text": "a"}] * 10_000, "10,000 rows, up to 4"),
        ([{"text": "a" * 41}], "row 1 has 41 characters, up to 40"),
        ([{"text": "a", "language": "../../etc/passwd"}], "row 1: language '../../etc/passwd' is not an ISO 639-3"),
        ([["deu", "a"]], "row 1: expected language and text"),
        ([{"text": "a", "meaning": "m" * 41}], "row 1: the meaning has 41 characters, up to 40"),
        ("deu", "expected a list of rows"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(records: object, says: str) -> None:
    with pytest.raises(DemoError, match=says) as caught:
        check_rows(records, LIMITS)
    assert "\n" not in str(caught.value)


def test_pasted_lines_may_say_their_language() -> None:
    rows = read_lines("deu: Guten Morgen\n\nkaz\tҚайырлы таң\nWhere is the station?\nNote: not a tag", LIMITS)
    assert [(row.language, row.text) for row in rows] == [
        ("deu", "Guten Morgen"),
        ("kaz", "Қайырлы таң"),
        ("eng", "Where is the station?"),
        ("eng", "Note: not a tag"),
    ]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("deu\tGuten Morgen\t1", ("deu", "Guten Morgen", "1")),
        ("Guten Morgen\tdeu\t1", ("deu", "Guten Morgen", "1")),
        ("1\tGuten Morgen\tdeu", ("deu", "Guten Morgen", "1")),
        ("kaz_Cyrl\tҚайырлы таң\tgreeting", ("kaz_Cyrl", "Қайырлы таң", "greeting")),
        ("deu: Guten Morgen\t1\t", ("deu", "Guten Morgen", "1")),
        ("Where is the station?\t\t1", ("eng", "Where is the station?", "1")),
        ("deu\t12:30\t1", ("deu", "12:30", "1")),
        ("deu\tund", ("deu", "und", "")),
    ],
)
def test_cells_of_a_spreadsheet_are_sentence_language_and_meaning(line: str, row: tuple[str, str, str]) -> None:
    (found,) = read_lines(line, LIMITS)
    assert (found.language, found.text, found.meaning) == row


@pytest.mark.parametrize("line", ["Good morning\tGuten Morgen", "deu\tGuten Morgen\tGood morning\t1", "a\tb\tc"])
def test_cells_that_are_more_are_not_dropped(line: str) -> None:
    with pytest.raises(DemoError, match="line 2: expected a sentence, and at most its language"):
        read_lines(f"eng: Yes\n{line}", LIMITS)


def test_nothing_pasted_says_what_to_do() -> None:
    with pytest.raises(DemoError, match="one sentence per line"):
        read_lines("  \n ", LIMITS)


def test_meanings_that_differ_late_stay_apart() -> None:
    rows = check_rows([{"text": "a", "meaning": f"sentence-00{n}"} for n in (101, 102)], LIMITS)
    assert rows[0].meaning != rows[1].meaning


def test_files_have_a_text_column_or_one_column_a_language() -> None:
    rows = read_file("a.csv", 'language,text,meaning\ndeu,"Ja, gern",1\neng,Yes,1\n'.encode("utf-8-sig"), LIMITS)
    assert [(row.language, row.text, row.meaning) for row in rows] == [("deu", "Ja, gern", "1"), ("eng", "Yes", "1")]
    rows = read_file("b.tsv", b"eng\tdeu\nYes\tJa\nNo\tNein\n", LIMITS)
    assert [(row.language, row.meaning) for row in rows] == [("eng", "1"), ("deu", "1"), ("eng", "2"), ("deu", "2")]
    rows = read_file("c.csv", "kaz_Cyrl,eng_Latn\nИә,Yes\n".encode(), LIMITS)
    assert [(row.language, row.text) for row in rows] == [("kaz_Cyrl", "Иә"), ("eng_Latn", "Yes")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a" * 401, "up to 0.0 MB"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"text\na\x00b\n", "not a text file"),
        (b"", "is empty"),
        (b"first,second\na,b\n", "found first, second"),
        (b"text\n", "no sentences"),
        (b"text\n" + b"a\n" * 5, "5 rows, up to 4"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_line(content: bytes, says: str) -> None:
    with pytest.raises(DemoError, match=says) as caught:
        read_file("../../etc/x.csv", content, LIMITS)
    assert "\n" not in str(caught.value)
    assert "etc" not in str(caught.value)


def test_cells_without_text_are_named_or_left_out() -> None:
    table = b'text,language\nJa,deu\n,deu\n,\n\nNein,deu\n" ",deu\n'
    with pytest.raises(DemoError, match="^lines 3, 7: no text: add it, or choose to leave out empty cells$"):
        read_file("a.csv", table, LIMITS)
    assert [row.text for row in read_file("a.csv", table, LIMITS, empty="missing")] == ["Ja", "Nein"]
    wide = b"eng\tdeu\nYes\tJa\nNo\t\n"
    with pytest.raises(DemoError, match="^line 3: no text"):
        read_file("b.tsv", wide, LIMITS)
    assert [(row.text, row.meaning) for row in read_file("b.tsv", wide, LIMITS, empty="missing")] == [
        ("Yes", "1"), ("Ja", "1"), ("No", "2"),
    ]  # fmt: skip
