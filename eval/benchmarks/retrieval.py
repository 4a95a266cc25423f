"""Retrieval: question answering data, where the passage that a question was asked about has to be found."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from adapters_hub.json_files import parse_json
from eval.benchmarks.benchmark import Coded
from eval.benchmarks.choice import BelebeleQuestions
from eval.benchmarks.data import Collection, Data, Retrieval
from eval.benchmarks.source import Source
from eval.errors import EvaluationError


class Question(NamedTuple):
    """A question and the passage that answers it; parallel questions have the same id in all languages."""

    id: str
    text: str
    passage: str


class XQuAD(Coded):
    """XQuAD as retrieval: the paragraph of each question, with questions and paragraphs in any two languages."""

    name = "xquad"
    title = "XQuAD, paragraph of a question"
    task = "retrieval"
    license = "CC BY-SA 4.0"
    citation = "Artetxe, Ruder and Yogatama 2020, On the Cross-lingual Transferability of Monolingual Representations"
    url = "https://github.com/google-deepmind/xquad"
    hub_id = "google/xquad"
    splits = ("test",)
    undivided = True
    hub_splits: ClassVar = {"test": "validation"}
    codes: ClassVar = {
        "arb": "ar", "deu": "de", "ell": "el", "eng": "en", "hin": "hi", "ron": "ro", "rus": "ru", "spa": "es",
        "tha": "th", "tur": "tr", "vie": "vi", "zho": "zh",
    }  # fmt: skip

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language."""
        return [f"xquad/xquad.{self.code(language)}.json"]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages."""
        return parallel_questions({code: self._questions(code, split, source) for code in languages})

    def _questions(self, language: str, split: str, source: Source) -> list[Question]:
        if source.folder is None:
            rows = self.rows(source, f"xquad.{self.code(language)}", split, ["id", "question", "context"])
            return [Question(row["id"], row["question"], row["context"]) for row in rows]
        (name,) = self.files(language, split)
        text = "\n".join(source.lines(name, self.obtain))
        try:
            return [
                Question(asked["id"], asked["question"], paragraph["context"])
                for article in parse_json(text)["data"]
                for paragraph in article["paragraphs"]
                for asked in paragraph["qas"]
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(f"benchmark data {name} does not have the expected form: {self.obtain}") from error


class KazQAD(Coded):
    """KazQAD as retrieval: the paragraph that answers a Kazakh question."""

    name = "kazqad"
    title = "KazQAD, paragraph of a question"
    task = "retrieval"
    license = "CC BY-SA 4.0"
    citation = "Yeshpanov et al. 2024, KazQAD: Kazakh Open-Domain Question Answering Dataset, LREC-COLING"
    url = "https://github.com/IS2AI/KazQAD"
    hub_id = "issai/kazqad"
    codes = {"kaz": "kk"}  # noqa: RUF012
    hub_splits: ClassVar = {"dev": "validation"}

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file."""
        part = self.hub_splits.get(split, split)
        return [f"KazQAD/data/reading-comprehension/kazqad-reading-comprehension-v1.0-kk-{part}.jsonl"]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read the questions."""
        columns = ("id", "question", "context")
        if source.folder is None:
            rows = self.rows(source, "kazqad", split, columns)
        else:
            rows = source.json_lines(self.files("kaz", split)[0], self.obtain, columns)
        return parallel_questions({"kaz": [Question(str(row["id"]), row["question"], row["context"]) for row in rows]})


class AfriQA(Coded):
    """AfriQA's gold passages: English passages that answer questions in African languages."""

    name = "afriqa"
    title = "AfriQA, English passage of a question"
    task = "retrieval"
    license = "CC BY 4.0"
    citation = "Ogundepo et al. 2023, AfriQA: Cross-lingual Open-Retrieval Question Answering for African Languages"
    url = "https://github.com/masakhane-io/afriqa"
    hub_id = "masakhane/afriqa-gold-passages"
    hub_splits: ClassVar = {"dev": "validation"}
    codes: ClassVar = {
        "eng": "en", "bem": "bem", "hau": "hau", "ibo": "ibo", "kin": "kin", "swh": "swa", "twi": "twi", "yor": "yor",
        "zul": "zul",
    }  # fmt: skip

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language of questions; for English, none, because every file holds English passages."""
        if language == "eng":
            return []
        code = self.code(language)
        return [f"afriqa/data/gold_passages/{code}/gold_span_passages.afriqa.{code}.en.{split}.json"]

    def languages(self, source: Source, split: str) -> Sequence[str]:
        """The languages that the source has, and English if there are any."""
        found = super().languages(source, split)
        return found if len(found) > 1 else []

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read each language's questions on English passages."""
        pairs = {(code, "eng"): self._one(code, split, source) for code in languages if code != "eng"}
        return Retrieval(pairs if "eng" in languages else {})

    def _one(self, language: str, split: str, source: Source) -> Collection:
        columns = ("id", "question_lang", "context")
        if source.folder is None:
            rows = self.rows(source, self.code(language), split, columns)
        else:
            rows = source.json_lines(self.files(language, split)[0], self.obtain, columns)
        return _collection(
            [Question(str(row["id"]), row["question_lang"], row["context"]) for row in rows],
            [Question(str(row["id"]), "", row["context"]) for row in rows],
        )


class BelebelePassages(BelebeleQuestions):
    """Belebele as search: the passage of a question, with both in any two languages."""

    name = "belebele-passages"
    title = "Belebele, passage of a question"
    task = "retrieval"

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages."""
        return parallel_questions(
            {
                code: [
                    Question(f"{row['link']} {row['question_number']}", row["question"], row["flores_passage"])
                    for row in self.questions(code, source)
                ]
                for code in languages
            }
        )


def parallel_questions(questions: Mapping[str, Sequence[Question]]) -> Retrieval:
    """Ask the questions of each language on the passages of each language, where both have them."""
    return Retrieval(
        {
            (asking, answering): _collection(questions[asking], questions[answering])
            for asking, answering in itertools.product(questions, repeat=2)
        }
    )


def _collection(asked: Sequence[Question], answered: Sequence[Question]) -> Collection:
    """Questions of one language on passages of the same or another; a passage's id is that of its first question."""
    names: dict[str, str] = {}
    for question in answered:
        names.setdefault(question.passage, question.id)
    answers = {question.id: names[question.passage] for question in answered}
    return Collection.of(
        {question.id: question.text for question in asked},
        {name: passage for passage, name in names.items()},
        {question.id: {answers[question.id]: 1} for question in asked if question.id in answers},
    )
