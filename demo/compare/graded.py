"""Graded pairs: how well the cosines of each composition rank pairs of sentences as people do."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from adapters_hub.languages import check_language, find_language
from adapters_hub.texts import Empty
from demo.compare.entries import Picks
from demo.compare.workbench import Progress, Workbench, unseen
from demo.input.columns import Column
from demo.input.sentences import cell, check_cells, clean, find_column, read_table
from demo.limits.errors import DemoError
from demo.limits.settings import Limits

SAMPLE = Path(__file__).parent.parent.parent / "sample_data" / "graded"
SPLITS = ("dev", "test")
_CHUNK = 32
_FIRST = ("text_1", "sentence1", "sentence_1", "text1")
_SECOND = ("text_2", "sentence2", "sentence_2", "text2")
_SCORE = ("score", "label", "grade", "similarity")


@dataclass(frozen=True)
class GradedPairs:
    """Pairs of sentences with human grades of their similarity.

    Attributes:
        languages: the languages of the first and of the second sentences.
        scores: `[n]`, a grade for each pair; higher means more similar.
    """

    name: str
    languages: tuple[str, str]
    first: list[str]
    second: list[str]
    scores: np.ndarray


@dataclass(frozen=True)
class Graded:
    """The result of one composition on graded pairs.

    Attributes:
        cosines: `[n]`, the cosine of each pair.
        spearman: Spearman's rank correlation with the grades, in percent; None if cosines or grades are all equal.
    """

    column: Column
    cosines: np.ndarray
    spearman: float | None


def sample_languages() -> list[str]:
    """The languages of the sample benchmark; empty if there is no sample data."""
    path = SAMPLE / "dev.tsv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        header = file.readline().rstrip("\n").split("\t")
    return [name.removesuffix("_1") for name in header if name.endswith("_1")]


def sample_pairs(split: str, first: str, second: str) -> GradedPairs:
    """The sample benchmark with the first sentences in one language, and the second in the same or another.

    Raises:
        DemoError: there is no such split or language.
    """
    if split not in SPLITS or first not in sample_languages() or second not in sample_languages():
        raise DemoError(
            f"the sample benchmark has the splits {', '.join(SPLITS)} and the languages "
            f"{', '.join(sample_languages()) or '(none here)'}: choose among these"
        )
    with (SAMPLE / f"{split}.tsv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return GradedPairs(
        f"sample benchmark, {split}",
        (first, second),
        [line[f"{first}_1"] for line in lines],
        [line[f"{second}_2"] for line in lines],
        np.array([float(line["score"]) for line in lines]),
    )


def read_pairs(
    name: str, content: bytes, languages: tuple[str, str], limits: Limits, empty: Empty = "error"
) -> GradedPairs:
    """A CSV or TSV file with the columns `text_1`, `text_2` and `score`, all pairs in the same languages.

    Args:
        name: the file's name.
        content: the file's content.
        languages: the languages of the first and of the second sentences.
        limits: the demo's limits.
        empty: how to treat pairs that lack a sentence: `error` reports their lines, `missing` leaves them out.

    Raises:
        DemoError: the file is too large, is not such a table, or has too few pairs or empty cells.
    """
    for code in languages:
        check_language(code)
    header, lines = read_table(name, content, limits)
    at = [find_column(header, names) for names in (_FIRST, _SECOND, _SCORE)]
    if None in at:
        raise DemoError(f"expected columns text_1, text_2 and score, found {', '.join(header)[:120]}: rename them")
    if len(lines) > limits.pairs:
        raise DemoError(f"{len(lines):,} pairs, up to {limits.pairs} can be scored: upload a part of them")
    first, second, scores = [], [], []
    table = [(number, [cell(line, column) for column in at]) for number, line in lines]
    if empty == "error":
        check_cells((number, text) for number, cells in table for text in cells[:2])
    for number, cells in table:
        texts = [clean(text) for text in cells[:2]]
        if not all(texts):
            continue
        try:
            score = float(cells[2].replace(",", "."))
        except ValueError:
            raise DemoError(f"line {number}: expected a number as score, found {clean(cells[2])[:40]!r}") from None
        if max(map(len, texts)) > limits.characters or not np.isfinite(score):
            raise DemoError(
                f"line {number}: expected two sentences of up to {limits.characters} characters and a score"
            )
        first.append(texts[0])
        second.append(texts[1])
        scores.append(score)
    if len(scores) < 3:
        raise DemoError(f"{len(scores)} pairs: at least 3 are needed for a rank correlation")
    return GradedPairs(clean(name)[:60] or "upload", languages, first, second, np.array(scores))


def grade(
    bench: Workbench,
    pairs: GradedPairs,
    columns: Sequence[Column],
    picks: Picks,
    progress: Progress = unseen,
) -> list[Graded]:
    """Score the pairs under every composition.

    Raises:
        AdaptersHubError: a module cannot be loaded.
    """
    graded = []
    steps = len(columns) * 2 * -(-len(pairs.first) // _CHUNK)
    done = 0
    for column in columns:
        sides = []
        for texts, code in zip((pairs.first, pairs.second), pairs.languages, strict=True):
            language = find_language(code, picks.modules) if column.kind != "base" else None
            weights = column.align(language, picks.objectives(language)) if language else {}
            parts = []
            for start in range(0, len(texts), _CHUNK):  # so that other visitors get their turn in between
                progress(done / steps, f"{column.title}: {code}")
                chunk = texts[start : start + _CHUNK]
                parts.append(bench.encode(chunk, language, picks, weights, base_language=code))
                done += 1
            sides.append(np.concatenate(parts))
        cosines = (sides[0] * sides[1]).sum(axis=1)
        graded.append(Graded(column, cosines, spearman(cosines, pairs.scores)))
    return graded


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's rank correlation in percent, with mean ranks for ties; None if all values of a side are equal."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic) * 100
