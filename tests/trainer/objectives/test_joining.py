from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest
from datasets import Dataset

from adapters_hub.texts import text_key
from tests.conftest import build_tokenizer, sample_sentences
from trainer.data.batches import Rows
from trainer.objectives import CROSS_LINGUAL, ROLES, ObjectiveCollator, columns_of
from trainer.objectives.joining import beside_itself, joined_languages
from trainer.objectives.part_sources import PartSource
from trainer.objectives.parts import Reading, make_part
from trainer.settings import DataSource

PIVOT = "eng"
Paraphrase = tuple[str, str, str]


def sentences(language: str) -> list[Paraphrase]:
    """Anchor, positive and, in every third row, a hard negative."""
    texts = sample_sentences(language)[:120]
    rows = list(zip(texts[::2], texts[1::2], strict=True))
    return [(*row, rows[place - 4][0] if place % 3 == 0 else "") for place, row in enumerate(rows)]


def across(language: str, rows: list[int], pivot_negatives: bool = True) -> Dataset:
    """Paraphrases joined across the pivot and a language."""
    own, pivot = sentences(language), sentences(PIVOT)
    columns = columns_of(CROSS_LINGUAL, [PIVOT, language])
    values = [(*pivot[row][:2], pivot[row][2] if pivot_negatives else "", *own[row]) for row in rows]
    return Dataset.from_dict(dict(zip(columns, map(list, zip(*values, strict=True)), strict=True)))


def drawn(seed: int, count: int) -> list[int]:
    return random.Random(seed).sample(range(60), count)


ROWS = {"deu": drawn(1, 40), "kaz": drawn(2, 25), "tur": drawn(3, 30)}


def test_every_language_that_has_a_row_of_the_pivot_is_in_that_row() -> None:
    texts = {language: across(language, rows, language != "deu") for language, rows in ROWS.items()}
    joined = joined_languages(texts, PIVOT)
    pivot = sentences(PIVOT)
    expected: dict[str, dict[str, Paraphrase]] = {}
    for language, rows in ROWS.items():
        for row in rows:
            found = expected.setdefault(pivot[row][0], {PIVOT: (*pivot[row][:2], "")})
            found[language] = sentences(language)[row]
            if language != "deu":  # German data has no negatives in the pivot
                found[PIVOT] = pivot[row]
    assert len(joined) == len(expected) == len(set().union(*ROWS.values()))
    for row in joined:
        for language in (PIVOT, *ROWS):
            got = tuple(row[f"{language}_{role}"] for role in ROLES)
            assert got == expected[row[f"{PIVOT}_anchor"]].get(language, ("", "", ""))


def test_no_row_is_lost_where_a_text_of_the_pivot_has_several_translations() -> None:
    names = columns_of(CROSS_LINGUAL, [PIVOT, "deu"])
    german = Dataset.from_list([dict(zip(names, ("A", "B", "", *own, ""), strict=True)) for own in ("ab", "cd", "ef")])
    names = columns_of(CROSS_LINGUAL, [PIVOT, "kaz"])
    kazakh = Dataset.from_list([dict(zip(names, ("A ", "B", "", *own, ""), strict=True)) for own in ("uv", "wx")])
    joined = joined_languages({"deu": german, "kaz": kazakh}, PIVOT)
    assert [(row["deu_anchor"], row["kaz_anchor"]) for row in joined] == [("a", "u"), ("c", "w"), ("e", "")]


def test_a_batch_of_joined_rows_is_of_any_two_languages_that_have_the_row() -> None:
    tokenizer = build_tokenizer()
    text = joined_languages({language: across(language, rows) for language, rows in ROWS.items()}, PIVOT)
    languages = (PIVOT, *ROWS)
    reading = Reading(tokenizer, "", 64, 0.0, PIVOT, None, 42)
    part = make_part(PartSource(CROSS_LINGUAL, "mul", DataSource(), 1.0), languages, text, reading)
    rows = Rows(part.train)
    collator = ObjectiveCollator([part.kind], [part.languages], int(tokenizer.pad_token_id), 42)  # type: ignore[arg-type]
    batch = collator([rows[number] for number in range(len(rows) * 8)])
    # The language and number of every text, for a slow check.
    of_text = {
        (role, text_key(row[place])): (language, number)
        for language in languages
        for number, row in enumerate(sentences(language))
        for place, role in enumerate(ROLES[:2])
    }
    pairs: Counter[tuple[str, str]] = Counter()
    for anchor, positive in zip(batch["anchor_key"].tolist(), batch["positive_key"].tolist(), strict=True):
        (first, number), (second, other) = of_text["anchor", anchor], of_text["positive", positive]
        assert number == other
        for language in (first, second):
            assert language == PIVOT or number in ROWS[language]
        pairs[first, second] += 1
    assert set(pairs) == set(itertools.permutations(languages, 2))
    assert bool(batch["anchor_there"].all())
    assert bool(batch["positive_there"].all())
    assert not batch["anchor_frozen"].any()


@pytest.mark.parametrize("kind", ["relational", "graded", "parallel", CROSS_LINGUAL])
def test_the_pivot_beside_itself_is_every_sentence_that_is_looked_up(kind: str, tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    reading = Reading(tokenizer, "", 64, 0.1, PIVOT, PIVOT, 42)
    parts = []
    for language in ("deu", "kaz"):
        text = across(language, ROWS[language])
        if kind != CROSS_LINGUAL:
            text = Dataset.from_dict({"pivot": text["eng_anchor"][:], "target": text[f"{language}_anchor"][:]})
        parts.append(make_part(PartSource(kind, language, DataSource(), 1.0), (PIVOT, language), text, reading))
    made = beside_itself(parts, PIVOT)
    assert list(made["pivot"]) == list(made["target"])
    assert len(set(made["pivot"])) == len(made)
    roles = range(3) if kind == CROSS_LINGUAL else range(1)
    expected = {sentences(PIVOT)[row][role] for language in ("deu", "kaz") for row in ROWS[language] for role in roles}
    assert set(made["pivot"]) == expected - {""}
