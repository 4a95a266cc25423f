from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

DATA = Path(__file__).parent.parent.parent / "sample_data"
LANGUAGES = ("eng", "deu", "tur", "rus", "kaz")
SPLITS = {"meanings": ("train", "dev", "test"), "graded": ("dev", "test"), "search": ("dev", "test")}
COLUMNS = {
    "meanings": [name for code in LANGUAGES for name in (code, f"{code}_paraphrase")],
    "graded": [name for code in LANGUAGES for name in (f"{code}_1", f"{code}_2")],
    "search": [f"{code}_{name}" for code in LANGUAGES for name in ("passage", "question1", "question2")],
}


def rows(kind: str, split: str) -> list[dict[str, str]]:
    with (DATA / kind / f"{split}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def sentences(kind: str, split: str) -> set[str]:
    return {row[column].strip().lower() for row in rows(kind, split) for column in COLUMNS[kind]}


@pytest.mark.parametrize(("kind", "split"), [(kind, split) for kind, splits in SPLITS.items() for split in splits])
def test_every_cell_is_filled_and_clean(kind: str, split: str) -> None:
    for row in rows(kind, split):
        assert None not in row
        for column in COLUMNS[kind]:
            assert row[column], (split, column, row)
            assert row[column] == row[column].strip()


def test_no_sentence_is_in_two_splits() -> None:
    seen = Counter(sentence for split in SPLITS["meanings"] for sentence in sentences("meanings", split))
    assert [sentence for sentence, count in seen.items() if count > 1] == []
    for kind in ("graded", "search"):
        assert sentences(kind, "dev") & sentences(kind, "test") == set()


def test_no_group_of_related_meanings_is_in_two_splits() -> None:
    groups = {split: {row["group"] for row in rows("meanings", split)} for split in SPLITS["meanings"]}
    assert not groups["train"] & groups["dev"]
    assert not groups["train"] & groups["test"]
    assert not groups["dev"] & groups["test"]


def test_no_graded_sentence_is_among_the_meanings() -> None:
    meanings = set().union(*(sentences("meanings", split) for split in SPLITS["meanings"]))
    assert not meanings & (sentences("graded", "dev") | sentences("graded", "test"))


@pytest.mark.parametrize("split", SPLITS["meanings"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_meanings_are_distinct_and_paraphrases_are_others(split: str, language: str) -> None:
    found = rows("meanings", split)
    texts = [row[language] for row in found]
    assert len(set(texts)) == len(texts)
    assert all(row[language] != row[f"{language}_paraphrase"] for row in found)


@pytest.mark.parametrize(("language", "alphabet"), [("rus", "abcdefgh"), ("kaz", "abcdefgh"), ("eng", "абвгдежз")])
def test_columns_are_in_the_script_of_their_language(language: str, alphabet: str) -> None:
    texts = " ".join(row[language] for split in SPLITS["meanings"] for row in rows("meanings", split)).lower()
    assert sum(texts.count(letter) for letter in alphabet) < len(texts) / 1000


def test_there_is_enough_to_train_and_to_measure() -> None:
    assert len(rows("meanings", "train")) >= 300
    grades = [float(row["score"]) for row in rows("graded", "test")]
    assert len(grades) >= 80
    assert min(grades) == 0
    assert max(grades) == 5
    assert all(sum(low <= grade <= low + 1 for grade in grades) >= 5 for low in range(5))
