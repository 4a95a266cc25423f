from __future__ import annotations

import bz2
import gzip
import json
import logging
import lzma
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters_hub.texts import text_key
from trainer.data.corpora import load_cross_lingual, load_pairs, load_text
from trainer.data.errors import DataError
from trainer.settings import DataSource

NAMES = ("anchor", "positive", "negative")
PAIRS = [("Ein «Hund», er bellt.", 'Es "bellt" ein Hund.'), ("Қар жауды", "Жауған — қар"), ("NA", "null")]
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".xz": lzma.compress,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
}


def written(folder: Path, name: str, text: str) -> DataSource:
    """Write a text file, compressed as its name says."""
    path = folder / name
    path.write_bytes(PACKERS.get(path.suffix, bytes)(text.encode()))
    return DataSource(path=str(path))


def rows_of(source: DataSource) -> list[tuple[str, ...]]:
    data = load_pairs(source, "deu", "eng", NAMES)
    assert data.column_names == list(NAMES)
    return [tuple(row[name] for name in NAMES) for row in data]


def texts_of(source: DataSource) -> list[str]:
    return list(load_text(source, "deu", "eng")["text"])


def without_negatives(pairs: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    return [(*pair, "") for pair in pairs]


@pytest.mark.parametrize("packing", PACKERS)
def test_plain_text_is_one_sentence_a_line_in_order(tmp_path: Path, packing: str) -> None:
    lines = ["Zwei, Wörter", '"Zitat" am Anfang', "Қазақ тілі", "NA"]
    assert texts_of(written(tmp_path, f"a.txt{packing}", "\n".join(lines))) == lines


@pytest.mark.parametrize("packing", PACKERS)
def test_tsv_without_a_header_takes_every_line_and_every_quote(tmp_path: Path, packing: str) -> None:
    text = "".join(f"{a}\t{b}\n" for a, b in PAIRS)
    assert rows_of(written(tmp_path, f"a.tsv{packing}", text)) == without_negatives(PAIRS)


@pytest.mark.parametrize("packing", PACKERS)
def test_named_columns_of_a_tsv_with_a_header(tmp_path: Path, packing: str) -> None:
    text = "id\tb\ta\n" + "".join(f"{i}\t{b}\t{a}\n" for i, (a, b) in enumerate(PAIRS))
    source = written(tmp_path, f"a.tsv{packing}", text)
    source.columns = ["a", "b"]
    assert rows_of(source) == without_negatives(PAIRS)


def test_a_third_column_on_some_lines_is_the_hard_negative(tmp_path: Path) -> None:
    source = written(tmp_path, "a.tsv", "a\tb\nc\td\tnicht d\ne\tf\t\n")
    assert rows_of(source) == [("a", "b", ""), ("c", "d", "nicht d"), ("e", "f", "")]


def test_a_third_column_that_begins_on_the_first_line(tmp_path: Path) -> None:
    source = written(tmp_path, "a.tsv", "a\tb\tnicht b\nc\td\n")
    assert [tuple(part or "" for part in row) for row in rows_of(source)] == [("a", "b", "nicht b"), ("c", "d", "")]


@pytest.mark.parametrize("packing", PACKERS)
def test_a_stray_carriage_return_inside_a_sentence_of_a_tsv_ends_no_row(tmp_path: Path, packing: str) -> None:
    expected = [("a\rb", "c", ""), ("d", "e\r f", "g")]
    for end in ("\n", "\r\n"):
        source = written(tmp_path, f"a.tsv{packing}", f"a\rb\tc\t{end}d\te\r f\tg{end}")
        assert rows_of(source) == expected
        source = written(tmp_path, f"b.tsv{packing}", f"x\ty\tz{end}a\rb\tc{end}d\te\r f\tg{end}")
        source.columns = ["x", "y", "z"]
        assert [tuple(part or "" for part in row) for row in rows_of(source)] == expected


@pytest.mark.parametrize("packing", PACKERS)
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, packing: str) -> None:
    assert texts_of(written(tmp_path, f"a.txt{packing}", "\ufeffeins\nzwei\n")) == ["eins", "zwei"]
    assert rows_of(written(tmp_path, f"a.tsv{packing}", "\ufeffeins\tzwei\n")) == [("eins", "zwei", "")]
    for content in ("\ufeffone,two\na,b\n", '\ufeff"one","two"\na,b\n'):
        source = written(tmp_path, f"a.csv{packing}", content)
        source.columns = ["one", "two"]
        assert rows_of(source) == [("a", "b", "")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_column_without_text_is_told_by_name(tmp_path: Path, name: str) -> None:
    if name == "a.jsonl":
        written(tmp_path, name, '{"anchor": "a", "positive": "b", "score": 0.9}\n')
    else:
        pq.write_table(pa.table({"anchor": ["a"], "positive": ["b"], "score": [0.9]}), tmp_path / name)
    source = DataSource(path=str(tmp_path / name))
    assert rows_of(source) == [("a", "b", "")]
    source.columns = ["anchor", "positive", "score"]
    with pytest.raises(DataError, match=r"column score holds .*64, not text: name text columns under 'columns'"):
        rows_of(source)


@pytest.mark.parametrize("packing", PACKERS)
def test_csv_quotes_hold_commas_quotes_and_line_breaks(tmp_path: Path, packing: str) -> None:
    source = written(tmp_path, f"a.csv{packing}", 'one,two\n"a, b","say ""c"""\n"d\ne",f\n')
    source.columns = ["one", "two"]
    assert rows_of(source) == [("a, b", 'say "c"', ""), ("d\ne", "f", "")]


@pytest.mark.parametrize("packing", PACKERS)
def test_jsonl(tmp_path: Path, packing: str) -> None:
    lines = [json.dumps({"x": 1, "a": a, "b": b}, ensure_ascii=False) for a, b in PAIRS]
    source = written(tmp_path, f"a.jsonl{packing}", "\n".join(lines))
    source.columns = ["a", "b"]
    assert rows_of(source) == without_negatives(PAIRS)


def test_parquet_with_missing_negatives(tmp_path: Path) -> None:
    table = pa.table({"a": ["x", "y"], "b": ["xx", "yy"], "c": ["z", None], "more": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    source = DataSource(path=str(tmp_path / "a.parquet"), columns=["a", "b", "c"])
    assert [tuple(part or "" for part in row) for row in rows_of(source)] == [("x", "xx", "z"), ("y", "yy", "")]


def test_several_columns_of_text_are_read_one_after_the_other(tmp_path: Path) -> None:
    source = written(tmp_path, "a.tsv", "deu\tx\tdeu_paraphrase\na\t1\tb\nc\t2\td\n")
    source.columns = ["deu", "deu_paraphrase"]
    assert texts_of(source) == ["a", "c", "b", "d"]


def test_languages_fill_the_path_and_the_columns(tmp_path: Path) -> None:
    written(tmp_path, "kaz-eng.tsv", "eng_p\tkaz\nyes\tиә\n")
    source = DataSource(path=str(tmp_path / "{language}-{pivot}.tsv"), columns=["{pivot}_p", "{language}"])
    assert load_pairs(source, "kaz", "eng", ("pivot", "target", "negative"))[0] == {
        "pivot": "yes",
        "target": "иә",
        "negative": "",
    }


def test_columns_may_be_called_what_others_are_to_be_called(tmp_path: Path) -> None:
    source = written(tmp_path, "a.tsv", "positive\tanchor\nfirst\tsecond\n")
    source.columns = ["positive", "anchor"]
    assert rows_of(source) == [("first", "second", "")]


def test_what_is_not_usable_is_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "a\tb\n\tb\na\t \nc\tc\nd\td \na\tb\nb\ta\n a \tb\ne\tf\n"
    with caplog.at_level(logging.INFO, logger="trainer.data.cleaning"):
        assert [row[:2] for row in rows_of(written(tmp_path, "a.tsv", text))] == [("a", "b"), ("b", "a"), ("e", "f")]
    assert "deu pairs: 9 rows read, 2 empty, 2 identical pairs, 2 duplicates; 3 used" in caplog.text


def test_empty_and_repeated_lines_of_text_are_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="trainer.data.cleaning"):
        assert texts_of(written(tmp_path, "a.txt", "b\n\na\nb\n   \nc\n")) == ["b", "a", "c"]
    assert "deu text: 6 rows read, 2 empty, 1 duplicates; 3 used" in caplog.text


def test_canonically_equal_texts_are_duplicates(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    composed, loose = (unicodedata.normalize(form, "Trời mưa ở Huế.") for form in ("NFC", "NFD"))
    path = tmp_path / "a.txt"
    path.write_text(f"{loose}\n{composed}\nKhác.\n", encoding="utf-8")
    caplog.set_level(logging.INFO)
    assert load_text(DataSource(path=str(path)), "vie", "eng")["text"][:] == [loose, "Khác."]
    assert "vie text: 3 rows read, 1 duplicates; 2 used" in caplog.text
    assert text_key(loose) == text_key(f" {composed}") != text_key("Khác.")


def test_pairs_that_differ_in_their_negative_alone_are_both_kept(tmp_path: Path) -> None:
    assert len(rows_of(written(tmp_path, "a.tsv", "a\tb\tc\na\tb\td\na\tb\tc\n"))) == 2


def test_the_limit_counts_usable_rows_from_the_start(tmp_path: Path) -> None:
    source = written(tmp_path, "a.txt", "b\n\nb\na\nc\n")
    source.limit = 2
    assert texts_of(source) == ["b", "a"]


def test_no_group_has_more_rows_than_its_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = written(tmp_path, "a.txt", "b\n\nb\na\nc\nd\ne\n")
    (tmp_path / "deu.txt").write_text("x\nx\nx\ny\nx\nx\ny\n")
    source.groups, source.group_limit = str(tmp_path / "{language}.txt"), 2
    with caplog.at_level(logging.INFO, logger="trainer.data.cleaning"):
        assert texts_of(source) == ["b", "a", "c", "e"]
    assert "deu text: 7 rows read, 1 empty, 1 duplicates, 1 over the limit; 4 used" in caplog.text
    source.limit = 3
    assert texts_of(source) == ["b", "a", "c"]


@pytest.mark.parametrize("limit", [None, 1])
def test_rows_of_a_label_that_is_left_out_are_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, limit: int | None
) -> None:
    source = written(tmp_path, "a.txt", "a\nb\nc\nd\n")
    (tmp_path / "deu.txt").write_text("x\ny\nx\nz\n")
    source.groups, source.leave_out, source.group_limit = str(tmp_path / "{language}.txt"), ["y", "none"], limit
    with caplog.at_level(logging.INFO, logger="trainer.data.cleaning"):
        assert texts_of(source) == (["a", "c", "d"] if limit is None else ["a", "d"])
    assert "1 left out" in caplog.text
    source.leave_out = ["x", "y", "z"]
    with pytest.raises(DataError, match="4 left out"):
        texts_of(source)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("", "group_limit needs groups"),
        ("none.txt", "does not exist"),
        ("short.txt", "a label for each of the 3 rows of the data, found 2"),
    ],
)
def test_groups_that_do_not_fit_are_told(tmp_path: Path, groups: str, message: str) -> None:
    source = written(tmp_path, "a.txt", "a\nb\nc\n")
    (tmp_path / "short.txt").write_text("x\ny\n")
    source.groups, source.group_limit = str(tmp_path / groups) if groups else "", 2
    with pytest.raises(DataError, match=message):
        texts_of(source)


@pytest.mark.parametrize("name", ["a.tsv", "a.jsonl"])
def test_wrong_columns_are_told_with_those_found(tmp_path: Path, name: str) -> None:
    content = {"a.tsv": "eng\tdeu\nx\ty\n", "a.jsonl": '{"eng": "x", "deu": "y"}\n'}[name]
    source = written(tmp_path, name, content)
    source.columns = ["eng", "tur"]
    with pytest.raises(DataError, match=r"expected the columns eng, tur; .* eng, deu") as caught:
        rows_of(source)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_column_cannot_be_both_sides(tmp_path: Path) -> None:
    source = written(tmp_path, "a.jsonl", '{"eng": "x", "deu": "y"}\n')
    source.columns = ["eng", "{language}"]
    with pytest.raises(DataError, match=r"expected different columns, found eng, eng"):
        load_pairs(source, "eng", "eng", ("pivot", "target"))


@pytest.mark.parametrize("count", [1, 4])
def test_a_wrong_number_of_columns_is_told(tmp_path: Path, count: int) -> None:
    source = written(tmp_path, "a.tsv", "\t".join("abcd"[:count]) + "\n")
    with pytest.raises(DataError, match=rf"expected 2 or 3 columns \(anchor, positive, negative\), found {count}"):
        rows_of(source)


CROSS = ("eng_anchor", "eng_positive", "eng_negative", "deu_anchor", "deu_positive", "deu_negative")


def crossed(source: DataSource) -> list[tuple[str, ...]]:
    data = load_cross_lingual(source, "deu", "eng", CROSS)
    assert data.column_names == list(CROSS)
    return [tuple(row[name] or "" for name in CROSS) for row in data]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\n", ("a", "a", "", "b", "b", "")),  # either text may be the anchor
        ("a\tb\tn\n", ("a", "a", "", "b", "b", "n")),
        ("a\tp\tA\tP\n", ("a", "p", "", "A", "P", "")),
        ("a\tp\tn\tA\tP\tN\n", ("a", "p", "n", "A", "P", "N")),
        ("a\tp\t\tA\tP\t\n", ("a", "p", "", "A", "P", "")),
    ],
)
@pytest.mark.parametrize("form", ["plain", "named", "jsonl"])
def test_paraphrases_across_languages_have_two_to_six_columns(
    tmp_path: Path, text: str, expected: tuple[str, ...], form: str
) -> None:
    cells = text.rstrip("\n").split("\t")
    names = [f"column{place}" for place in range(len(cells))]
    if form == "jsonl":
        source = written(tmp_path, "a.jsonl", json.dumps(dict(zip(names, cells, strict=True))) + "\n")
    else:
        source = written(tmp_path, "a.tsv", ("\t".join(names) + "\n" if form == "named" else "") + text)
    source.columns = names if form != "plain" else None
    assert crossed(source) == [expected]


def test_paraphrases_across_languages_are_cleaned_as_pairs_are(tmp_path: Path) -> None:
    rows = ["a\tp\tA\tP", "a\tp\tA\tP", "b\tb\tB\tQ", "c\tp\tC\tC", "d\t\tD\tP", "e\tp\tE\tP"]
    source = written(tmp_path, "a.tsv", "\n".join(rows) + "\n")
    assert [row[0] for row in crossed(source)] == ["a", "e"]


@pytest.mark.parametrize("count", [1, 5, 7])
def test_another_number_of_columns_across_languages_is_told(tmp_path: Path, count: int) -> None:
    source = written(tmp_path, "a.tsv", "\t".join("abcdefg"[:count]) + "\n")
    with pytest.raises(DataError, match=rf"expected 2 or 3 or 4 or 6 columns .*, found {count}"):
        crossed(source)


def test_no_path_says_what_to_set() -> None:
    with pytest.raises(DataError, match="no data for 'deu': set the path"):
        rows_of(DataSource())


def test_a_missing_file_is_named_with_its_language(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing-deu\.tsv' does not exist \(for language 'deu'\)"):
        rows_of(DataSource(path=str(tmp_path / "nothing-{language}.tsv")))


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.csv", "a.jsonl", "a.parquet", "a.tsv.xz", "a.jsonl.gz"])
def test_an_empty_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    source = written(tmp_path, name, "")
    with pytest.raises(DataError, match="is empty: expected lines with text") as caught:
        texts_of(source)
    assert "\n" not in str(caught.value)


def test_a_file_of_nothing_usable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no usable row among 2 \(1 empty, 1 identical pairs\)"):
        rows_of(written(tmp_path, "a.tsv", "a\ta\nb\t\n"))


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.csv", "a.tsv.gz"])
def test_bytes_that_are_not_utf8_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACKERS.get(path.suffix, bytes)("x\ty\nKälte\tStraße\n".encode("latin-1")))
    with pytest.raises(DataError, match=r"cannot be read as .*utf-8") as caught:
        texts_of(DataSource(path=str(path)))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_what_the_name_says_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"a\.parquet cannot be read as parquet"):
        texts_of(DataSource(path=str(path)))


@pytest.mark.parametrize("name", ["a.docx", "a.docx.xz"])
def test_an_unknown_format_is_told_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"unknown format; expected one of \.txt \.tsv \.csv \.jsonl"):
        texts_of(written(tmp_path, name, "a"))
