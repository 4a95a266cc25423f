"""Benchmarks on the project's own sample data, which is small and always available."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from eval.benchmarks.benchmark import Coded
from eval.benchmarks.data import Bitext, Data, GradedPairs, Similarity
from eval.benchmarks.hub import Hub
from eval.benchmarks.retrieval import Question, parallel_questions
from eval.benchmarks.source import SAMPLE, Source

_PROJECT = Path(__file__).parent.parent.parent
_LANGUAGES = ("eng", "deu", "tur", "rus", "kaz")


class _Sample(Coded):
    license = "CC0 1.0"
    citation = "the sample data of Modular Sentence Encoders"
    url = "sample_data"
    codes = {code: code for code in _LANGUAGES}  # noqa: RUF012
    _part: ClassVar[str]

    @property
    def obtain(self) -> str:
        """No step is needed: the data comes with the project."""
        return "not needed, it is part of the project"

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file for all languages."""
        return [f"{SAMPLE}/{self._part}/{split}.tsv"]

    def sources(self, folder: Path | None, hub: Hub) -> list[Source]:
        """The project's own folder."""
        return [Source(_PROJECT, hub)]

    def _table(self, split: str, columns: Sequence[str], source: Source) -> list[dict[str, str]]:
        (name,) = self.files("*", split)
        return source.table(name, self.obtain, columns, delimiter="\t", quoted=False)


class SamplePairs(_Sample):
    """Sentence pairs with grades from 0 to 5, the same in every language."""

    name = "sample-pairs"
    _part = "graded"
    title = "sample data, graded pairs"
    task = "similarity"

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages."""
        columns = {code: (f"{code}_1", f"{code}_2", "score") for code in languages}
        rows = self._table(split, list(itertools.chain(*columns.values())), source)
        return Similarity.crossed({code: GradedPairs.of(rows, names, self.title) for code, names in columns.items()})


class SampleBitext(_Sample):
    """Sentences of the same meaning in every language."""

    name = "sample-bitext"
    _part = "meanings"
    title = "sample data, translations"
    task = "mining"

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages."""
        rows = self._table(split, list(languages), source)
        return Bitext.of_all({code: [row[code] for row in rows] for code in languages})


class SampleSearch(_Sample):
    """Short passages with two questions each, the same in every language."""

    name = "sample-search"
    _part = "search"
    title = "sample data, passage of a question"
    task = "retrieval"

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages."""
        columns = [f"{code}_{part}" for code in languages for part in ("passage", "question1", "question2")]
        rows = self._table(split, columns, source)
        return parallel_questions(
            {
                code: [
                    Question(f"{number}.{asked}", row[f"{code}_question{asked}"], row[f"{code}_passage"])
                    for number, row in enumerate(rows, start=1)
                    for asked in (1, 2)
                ]
                for code in languages
            }
        )
