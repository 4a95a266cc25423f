"""The project's own sample data: small, and always at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.benchmarks.benchmark import Coded
from eval.benchmarks.data import Bitext, Data, GradedPairs, Similarity
from eval.benchmarks.source import Source, grades

_FOLDER = Path(__file__).parent.parent.parent / "sample_data"
_LANGUAGES = ("eng", "deu", "tur", "rus", "kaz")


class _Sample(Coded):
    license = "CC0 1.0"
    citation = "the sample data of Modular Sentence Encoders"
    url = "sample_data"
    codes = {code: code for code in _LANGUAGES}  # noqa: RUF012

    @property
    def obtain(self) -> str:
        """It comes along."""
        return "not needed, it is part of the project"

    def _table(self, part: str, split: str, columns: Sequence[str], source: Source) -> list[dict[str, str]]:
        own = Source(_FOLDER)
        rows = own.table(f"{part}/{split}.tsv", "fetch the project again", columns, delimiter="\t", quoted=False)
        source.read |= {f"sample_data/{name}": digest for name, digest in own.read.items()}
        return rows


class SamplePairs(_Sample):
    """Sentence pairs with grades from 0 to 5, the same in every language."""

    name = "sample-pairs"
    title = "sample data, graded pairs"
    task = "similarity"

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """All pairs of languages."""
        self.require(languages)
        columns = [f"{code}_{side}" for code in languages for side in "12"]
        rows = self._table("graded", split, [*columns, "score"], source)
        gold = np.array(list(grades(rows, "score", self.title)))
        return Similarity.crossed(
            {
                code: GradedPairs([row[f"{code}_1"] for row in rows], [row[f"{code}_2"] for row in rows], gold)
                for code in languages
            }
        )


class SampleBitext(_Sample):
    """Sentences of the same meaning in every language."""

    name = "sample-bitext"
    title = "sample data, translations"
    task = "mining"

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """All pairs of languages."""
        self.require(languages)
        rows = self._table("meanings", split, list(languages), source)
        return Bitext.of_all({code: [row[code] for row in rows] for code in languages})
