"""Retrieval: question answering data, where the passage that a question was asked about has to be found."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

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
    codes: ClassVar = {
        "arb": "ar", "deu": "de", "ell": "el", "eng": "en", "hin": "hi", "ron": "ro", "rus": "ru", "spa": "es",
        "tha": "th", "tur": "tr", "vie": "vi", "zho": "zh",
    }  # fmt: skip

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language."""
        return [f"xquad/xquad.{self.codes.get(language, language)}.json"]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages."""
        self.require(languages)
        return parallel_questions({code: self._questions(code, split, source) for code in languages})

    def _questions(self, language: str, split: str, source: Source) -> list[Question]:
        if source.folder is None:
            rows = source.rows(
                str(self.hub_id), None, f"xquad.{self.codes[language]}", "validation", ["id", "question", "context"]
            )
            return [Question(row["id"], row["question"], row["context"]) for row in rows]
        (name,) = self.files(language, split)
        with _shaped(name, self.obtain):
            articles = json.loads(source.file(name, self.obtain).read_text(encoding="utf-8"))["data"]
            paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
            return [
                Question(asked["id"], asked["question"], paragraph["context"])
                for paragraph in paragraphs
                for asked in paragraph["qas"]
            ]


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
    _parts = {"dev": "validation", "test": "test"}  # noqa: RUF012

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file."""
        return [f"KazQAD/data/reading-comprehension/kazqad-reading-comprehension-v1.0-kk-{self._parts[split]}.jsonl"]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read the questions."""
        self.require(languages)
        columns = ("id", "question", "context")
        if source.folder is None:
            rows = source.rows(str(self.hub_id), None, "kazqad", self._parts[split], columns)
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
    codes: ClassVar = {
        "eng": "en", "bem": "bem", "hau": "hau", "ibo": "ibo", "kin": "kin", "swh": "swa", "twi": "twi", "yor": "yor",
        "zul": "zul",
    }  # fmt: skip

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language of questions; for English, none, because every file holds English passages."""
        if language == "eng":
            return []
        code = self.codes.get(language, language)
        return [f"afriqa/data/gold_passages/{code}/gold_span_passages.afriqa.{code}.en.{split}.json"]

    def languages(self, source: Source, split: str) -> Sequence[str]:
        """The languages that the source has, and English if there are any."""
        found = super().languages(source, split)
        return found if len(found) > 1 else []

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read each language's questions on English passages."""
        self.require(languages)
        pairs = {(code, "eng"): self._one(code, split, source) for code in languages if code != "eng"}
        return Retrieval(pairs if "eng" in languages else {})

    def _one(self, language: str, split: str, source: Source) -> Collection:
        columns = ("id", "question_lang", "context")
        if source.folder is None:
            part = {"dev": "validation"}.get(split, split)
            rows = source.rows(str(self.hub_id), None, self.codes[language], part, columns)
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
                    for row in self.rows(code, source)
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


@contextlib.contextmanager
def _shaped(name: str, obtain: str) -> Iterator[None]:
    """Turn errors of parsing a file into one that names it.

    Raises:
        EvaluationError: the file does not have the expected form.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, EvaluationError):
            raise
        raise EvaluationError(f"benchmark data {name} does not have the expected form: {obtain}") from error
