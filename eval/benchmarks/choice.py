"""Reading comprehension by similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.benchmarks.benchmark import Benchmark
from eval.benchmarks.classification import languages_of_flores
from eval.benchmarks.data import Choice, Data
from eval.benchmarks.source import Source
from eval.errors import EvaluationError

_COLUMNS = (
    "link", "question_number", "flores_passage", "question", "mc_answer1", "mc_answer2", "mc_answer3", "mc_answer4",
    "correct_answer_num",
)  # fmt: skip


class BelebeleQuestions(Benchmark):
    """Belebele: questions on the passages of FLORES, the same in every language."""

    license = "CC BY-SA 4.0"
    citation = "Bandarkar et al. 2024, The Belebele Benchmark: a Parallel Reading Comprehension Dataset, ACL"
    url = "https://github.com/facebookresearch/belebele"
    hub_id = "facebook/belebele"
    splits = ("test",)

    @property
    def obtain(self) -> str:
        """How to get a copy: the repository links to the archive."""
        return f"unpack Belebele.zip, linked from {self.url}, into the data folder"

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language."""
        return [f"Belebele/{language}.jsonl"]

    def listed(self, source: Source, split: str) -> Sequence[str]:
        """All languages in the archive; on the Hub, the paper's languages except Uyghur."""
        found = languages_of_flores(source, *self.files("*", split))
        return [code for code in found if source.folder or "uig" not in code]

    def questions(self, language: str, source: Source) -> Any:  # noqa: ANN401
        """The rows of a language, with the columns of the dataset."""
        if source.folder is None:
            return self.rows(source, language, "test", _COLUMNS)
        (name,) = self.files(language, "test")
        return source.json_lines(name, self.obtain, _COLUMNS)


class Belebele(BelebeleQuestions):
    """Belebele as multiple choice: of a question with each of four answers, choose the nearest to the passage."""

    name = "belebele"
    title = "Belebele"
    task = "choice"

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read the questions that all languages have, in the order of the first language."""
        rows = {code: {(row["link"], int(row["question_number"])): row for row in self.questions(code, source)}
                for code in languages}  # fmt: skip
        common = set.intersection(*(set(found) for found in rows.values()))
        keys = [key for key in rows[languages[0]] if key in common]
        if not keys:
            raise EvaluationError(f"the files of {', '.join(languages)} have no questions in common")
        passages = {code: [found[key]["flores_passage"] for key in keys] for code, found in rows.items()}
        candidates = {
            code: [
                [f"{found[key]['question']} {found[key][f'mc_answer{number}']}" for number in range(1, 5)]
                for key in keys
            ]
            for code, found in rows.items()
        }
        right = np.array([int(rows[languages[0]][key]["correct_answer_num"]) - 1 for key in keys])
        return Choice(passages, candidates, right)
