"""Compare sentences under several compositions: their vectors, and a few figures that sum them up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from demo.compare.entries import Picks
from demo.compare.workbench import Progress, Workbench, unseen
from demo.input.columns import Column
from demo.input.sentences import Row, languages_of


@dataclass(frozen=True)
class Comparison:
    """The same sentences under several compositions.

    Attributes:
        vectors: `[columns, n, dim]`, unit length.
        cut: for each composition, the indices of the sentences that it truncates, with the number of tokens it reads.
        seconds: time that computing took; None: not to be shown.
    """

    rows: list[Row]
    columns: list[Column]
    picks: Picks
    vectors: np.ndarray
    cut: list[dict[int, int]]
    seconds: float | None

    @property
    def similarities(self) -> np.ndarray:
        """Cosines, `[columns, n, n]`."""
        return np.asarray(self.vectors @ self.vectors.transpose(0, 2, 1))

    @property
    def languages(self) -> list[str]:
        """The languages of the sentences, in the order of first appearance."""
        return languages_of(self.rows)

    def notes(self, column: Column) -> list[str]:
        """The restrictions of a composition for certain languages or sentences, one note each."""
        notes = []
        cut = self.cut[self.columns.index(column)]
        for most in sorted(set(cut.values())):
            numbers = [str(index + 1) for index in sorted(cut) if cut[index] == most]
            who = f"sentence{'s' * (len(numbers) > 1)} {', '.join(numbers)}"
            notes.append(f"{who}: only the first {most} tokens are read, the prompt's included")
        if column.kind == "base":
            return notes
        without = [code for code in self.languages if code not in self.picks.modules]
        notes += [f"{', '.join(without)}: no module, so the base's vectors"] if without else []
        pivots = {entry.manifest.pivot for adapters in self.picks.adapters.values() for entry in adapters.values()}  # type: ignore[union-attr]
        lacking: dict[str, list[str]] = {}
        for code in self.languages:
            if code not in self.picks.modules or code in pivots:
                continue
            for name in column.missing(code, self.picks.objectives(code)):
                lacking.setdefault(name, []).append(code)
        return notes + [
            f"{', '.join(codes)}: no {'alignment' if name == 'any' else repr(name)} adapter, so not aligned by it"
            for name, codes in lacking.items()
        ]


def compare(
    bench: Workbench,
    rows: Sequence[Row],
    columns: Sequence[Column],
    picks: Picks,
    progress: Progress = unseen,
) -> Comparison:
    """Encode sentences under every composition.

    A language without a module among the picks gets the base's vectors; `Comparison.notes` reports this.

    Raises:
        AdaptersHubError: a module cannot be loaded.
    """
    start = time.perf_counter()
    vectors = np.empty((len(columns), len(rows), bench.encoder.dimension), np.float32)
    cut: list[dict[int, int]] = [{} for _ in columns]
    groups = {code: [i for i, row in enumerate(rows) if row.language == code] for code in languages_of(rows)}
    # Languages are the outer loop, so that the transformer is set to each language once, not once per composition.
    for done, (code, indices) in enumerate(groups.items()):
        progress(done / len(groups), f"encoding {code}")
        texts = [rows[index].text for index in indices]
        language = code if code in picks.modules else None
        longer: dict[str | None, dict[int, int]] = {}
        for number, column in enumerate(columns):
            own = None if column.kind == "base" else language
            weights = column.align(code, picks.objectives(code)) if own else {}
            vectors[number, indices] = bench.encode(texts, own, picks, weights, base_language=code)
            if own not in longer:
                most, kept = bench.cut(texts, own, picks)
                longer[own] = {i: most for i, characters in zip(indices, kept, strict=True) if characters is not None}
            cut[number] |= longer[own]
    return Comparison(list(rows), list(columns), picks, vectors, cut, time.perf_counter() - start)


@dataclass(frozen=True)
class Figures:
    """A few figures that sum up a composition.

    Attributes:
        found: number of searches in which a translation is the most similar sentence of its language.
        asked: number of searches: one for each sentence and other language with a translation of it.
        same, other: cosines of pairs with the same meaning, and with different ones.
        still: languages whose vectors are bit for bit those of the composition `modules`.
        moved: the other languages that have a module.
    """

    found: int
    asked: int
    same: list[float]
    other: list[float]
    still: list[str]
    moved: list[str]


def figures(comparison: Comparison, number: int) -> Figures:
    """The figures of one composition, given by its number."""
    rows, cosines = comparison.rows, comparison.similarities[number]
    searches = [translation_rank(rows, cosines, i, code) for i in range(len(rows)) for code in comparison.languages]
    ranks = [rank for rank in searches if rank is not None]
    pairs = [(rows[i].same_meaning(rows[j]), float(cosines[i, j])) for i, j in combinations(range(len(rows)), 2)]
    same = [cosine for equal, cosine in pairs if equal]
    other = [cosine for equal, cosine in pairs if equal is False]
    still: list[str] = []
    moved: list[str] = []
    reference = next((k for k, column in enumerate(comparison.columns) if column.kind == "modules"), None)
    if reference is not None and comparison.columns[number].kind in ("aligned", "blend"):
        for code in comparison.languages:
            if code in comparison.picks.modules:
                at = [i for i, row in enumerate(rows) if row.language == code]
                equal = np.array_equal(comparison.vectors[number, at], comparison.vectors[reference, at])
                (still if equal else moved).append(code)
    return Figures(ranks.count(1), len(ranks), same, other, still, moved)


def translation_rank(rows: Sequence[Row], cosines: np.ndarray, index: int, language: str) -> int | None:
    """The rank, from 1, of the most similar translation of a row among all rows of another language.

    Args:
        rows: the sentences.
        cosines: `[n, n]`.
        index: the row's index.
        language: the other language.

    Returns:
        The rank; None if that language has no translation of the row, or no other sentence.
    """
    row = rows[index]
    if language == row.language or not row.meaning:
        return None
    there = [j for j, other in enumerate(rows) if other.language == language]
    right = [j for j in there if rows[j].meaning == row.meaning]
    if not right or len(right) == len(there):
        return None
    best = max(float(cosines[index, j]) for j in right)
    return 1 + sum(float(cosines[index, j]) > best for j in there if j not in right)
