"""Language codes, source lists, rows and their cleaning."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters_hub import AdaptersHubError
from tests.conftest import sample_sentences
from trainer.data.errors import DataError
from trainer.data.text_files import read_lines, write_lines
from trainer.preparation.cleaning import Cleaner, Limits, normalised
from trainer.preparation.codes import Style, codes_of
from trainer.preparation.exclusion import Excluded, fold
from trainer.preparation.reading import open_source
from trainer.preparation.rows import Row, rows_of, sentences_of
from trainer.preparation.sources import PUBLIC, Source, read_sources


@pytest.mark.parametrize(
    ("language", "style", "codes"),
    [
        ("kaz", "iso3", ["kaz"]),
        ("kaz", "iso1", ["kk", "kaz"]),
        ("kaz", "script", ["kaz_Cyrl"]),
        ("uzn_Cyrl", "iso1", ["uz", "uzn", "uzb"]),
        ("uzn", "script", ["uzn_Latn", "uzb_Latn"]),
        ("ace_Arab", "iso1", ["ace"]),
        ("ace_Arab", "script", ["ace_Arab"]),
    ],
)
def test_codes_of_a_language(language: str, style: Style, codes: list[str]) -> None:
    assert codes_of(language, style) == codes


def test_a_source_may_call_a_language_otherwise() -> None:
    assert codes_of("zho", "script", {"zho": "cmn_Hani"}) == ["cmn_Hani"]


def test_the_public_sources_can_be_read_and_name_their_licences() -> None:
    sources = read_sources(PUBLIC)
    assert {source.kind for source in sources} == {"text", "parallel", "paraphrase"}
    assert all(source.license and source.dataset for source in sources)


@pytest.fixture
def parsed(tmp_path: Path) -> Callable[..., list[Source]]:
    def read(values: Any) -> list[Source]:
        path = tmp_path / "sources.yaml"
        path.write_text(values if isinstance(values, str) else yaml.safe_dump(values), encoding="utf-8")
        return read_sources(path)

    return read


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("sources: [", "cannot be read"),
        ({"source": []}, "expected 'sources' with a list of sources"),
        ({"sources": ["x"]}, "source 1: expected fields such as name, kind and path, found 'x'"),
        ({"sources": [{"kind": "text"}]}, "source 1: expected a name; found kind"),
        ({"sources": [{"name": "x", "kind": "text", "pathh": "y"}]}, "no field 'pathh'; did you mean 'path'"),
        ({"sources": [{"name": "x", "kind": "texts", "path": "y"}]}, "kind must be .*not \"?'?texts"),
        ({"sources": [{"name": "x", "kind": "text", "path": "y", "limit": "many"}]}, "limit must be int, not 'many'"),
        ({"sources": [{"name": "x", "kind": "text"}]}, "expected either a path or a dataset"),
        ({"sources": [{"name": "../x", "kind": "text", "path": "y"}]}, "expected a name without slashes"),
        ({"sources": [{"name": "x", "kind": "text", "dataset": "a/b"}]}, "name the columns of text under 'columns'"),
        ({"sources": [{"name": "x", "kind": "parallel", "path": "y", "columns": ["a"]}]}, "expected 2 columns of text"),
        ({"sources": [{"name": "x", "kind": "text", "path": "y"}] * 2}, "two sources of one kind are called 'x'"),
    ],
)
def test_what_is_no_list_of_sources_is_one_line(parsed: Callable[..., Any], values: Any, message: str) -> None:
    with pytest.raises(AdaptersHubError, match=message) as caught:
        parsed(values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "sentences"),
    [
        ("One. Two!\nThree", ["One.", "Two!", "Three"]),
        ('He said: "Come." Then he left.', ['He said: "Come."', "Then he left."]),
        ("Version 1.5 is out.", ["Version 1.5 is out."]),
        (r"One\nTwo", ["One", "Two"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("ሰላም። እንዴት ነህ፧", ["ሰላም።", "እንዴት ነህ፧"]),
    ],
)
def test_documents_are_cut_at_the_ends_of_lines_and_sentences(document: str, sentences: list[str]) -> None:
    assert list(sentences_of(document)) == sentences


def test_cutting_loses_no_letter() -> None:
    document = " ".join(sample_sentences("kaz")[:200])
    assert fold("".join(sentences_of(document))) == fold(document)


def test_neighbours_with_the_same_key_are_paraphrases(tmp_path: Path) -> None:
    rows = [(1, "a"), (1, "b"), (1, "c"), (2, "d"), (1, "e")]
    lines = [json.dumps({"set": key, "text": text, "lang": "kk"}) for key, text in rows]
    write_lines(tmp_path / "x.jsonl", [*lines, json.dumps({"set": 1, "text": "f", "lang": "ky"})])
    source = Source(
        "x",
        "paraphrase",
        str(tmp_path / "x.jsonl"),
        columns=["text"],
        key="set",
        where={"lang": "{language}"},
        codes="iso1",
    )
    found = [row.texts for row in rows_of(source, open_source(source, "kaz", "eng"))]
    assert found == [("a", "b"), ("b", "c")]


def cleaned(limits: Limits, *rows: tuple[str, ...]) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    cleaner = Cleaner(limits, Excluded([]))
    kept = [row.texts for row in cleaner.clean(Row("x", texts) for texts in rows)]
    assert cleaner.read == len(rows) == len(kept) + cleaner.dropped.total()
    return kept, dict(cleaner.dropped)


def test_rows_are_dropped_for_what_is_wrong_with_them() -> None:
    limits = Limits(("Latn", "Cyrl"), crossing=True, min_characters=3, max_characters=60)
    good = list(zip(sample_sentences("eng")[:20:2], sample_sentences("kaz")[:20:2], strict=True))
    good = [row for row in good if max(map(len, row)) <= 60]
    assert len(good) > 3
    wrong = {
        ("Hello there", ""): "empty",
        ("Hello there", "Hello there"): "twice the same sentence",
        ("Hi", "Сәлем"): "too short",
        ("123456", "123 456"): "too short",
        ("Hello " * 20, "Сәлем"): "too long",
        ("Good morning", "Guten Morgen"): "not in Cyrl",
        ("Доброе утро", "Қайырлы таң"): "not in Latn",
        ("Good morning to you", "Иә"): "too short",
        ("Good morning to all of you, my dear friends", "Иә!"): "of unusual length",
        good[0]: "duplicates",
    }
    kept, dropped = cleaned(limits, *good, *wrong)
    assert kept == [tuple(normalised(text) for text in row) for row in good]
    assert dropped == {reason: list(wrong.values()).count(reason) for reason in wrong.values()}


def test_text_is_normalised() -> None:
    assert normalised("  e\u0301\u00a0\u200eа\tб\n") == "é а б"
    assert normalised("می\u200cخواهم") == "می\u200cخواهم"  # a zero-width non-joiner is part of the word


def test_what_is_clean_stays_as_it_is_when_cleaned_again() -> None:
    rows = [(text,) for text in sample_sentences("kaz")]
    once, _ = cleaned(Limits(("Cyrl",)), *rows)
    assert cleaned(Limits(("Cyrl",)), *once) == (once, {})


@pytest.mark.parametrize("form", ["txt", "tsv.xz", "csv", "jsonl.gz", "json"])
def test_excluded_sentences_are_found_in_any_file(tmp_path: Path, form: str) -> None:
    sentence = 'He said, "yes"'
    texts: dict[str, Iterator[str] | list[str]] = {
        "txt": [sentence],
        "tsv.xz": [f"1\t{sentence}"],
        "csv": ['1,"He said, ""yes"""'],
        "jsonl.gz": [json.dumps({"a": {"b": [sentence]}})],
        "json": [json.dumps([{"a": sentence}])],
    }
    write_lines(tmp_path / f"x.{form}", texts[form])
    excluded = Excluded([tmp_path])
    assert "HE SAID: “YES”" in excluded
    assert "He said no" not in excluded


@pytest.mark.parametrize("suffix", ["", ".xz", ".gz", ".bz2"])
def test_lines_are_read_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    lines = ["a\rb", "", "қ\u2028ә", " c "]
    write_lines(tmp_path / f"x.txt{suffix}", lines)
    assert list(read_lines(tmp_path / f"x.txt{suffix}")) == lines
    assert [path.name for path in tmp_path.iterdir()] == [f"x.txt{suffix}"]


def test_sentences_of_benchmarks_are_found_however_deep_and_not_in_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[" * 60 + '"tief"' + "]" * 60)
    (tmp_path / ".y.txt").write_text("versteckt\n")
    found = Excluded([tmp_path])
    assert "Tief!" in found
    assert len(found) == len(found.files) == 1
    (tmp_path / "x.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"x\.json cannot be read"):
        Excluded([tmp_path])
