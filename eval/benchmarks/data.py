"""The forms of benchmark data, one for each task."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters_hub.texts import is_missing
from eval.errors import EvaluationError, NothingToScoreError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GradedPairs:
    """Sentence pairs with grades of similarity.

    Attributes:
        first: the n first sentences.
        second: the n second sentences.
        gold: `[n]`, gold grades.
    """

    first: Sequence[str]
    second: Sequence[str]
    gold: np.ndarray

    def __post_init__(self) -> None:
        if not len(self.first) == len(self.second) == len(self.gold):
            raise EvaluationError(
                f"graded pairs need two sentences and a grade each, found {len(self.first)}, {len(self.second)} and "
                f"{len(self.gold)}"
            )

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], where: str) -> GradedPairs:
        """The pairs in rows that have two sentences and a grade in these columns.

        Raises:
            EvaluationError: a grade is not a number; the message names the row.
        """
        first, second, gold = [], [], []
        for number, row in enumerate(rows, start=1):
            one, other, grade = (row[column] for column in columns)
            try:
                gold.append(float(grade))
            except (TypeError, ValueError) as error:
                raise EvaluationError(f"{where}, row {number}: the grade {grade!r} is not a number") from error
            first.append(str(one))
            second.append(str(other))
        return cls(first, second, np.array(gold))


@dataclass(frozen=True)
class Similarity:
    """Graded pairs by the languages of their first and second sentences.

    Attributes:
        pairs: maps `(eng, deu)` to the pairs of these languages; both are the same for pairs within a language.
        parallel: whether the pairs mean the same in all languages, so that language bias can be computed.
    """

    pairs: Mapping[tuple[str, str], GradedPairs]
    parallel: bool

    @classmethod
    def crossed(cls, monolingual: Mapping[str, GradedPairs]) -> Similarity:
        """Combine all pairs of languages, if every language has the same pairs.

        A combined pair has its first sentence in one language and its second in the other.

        Raises:
            EvaluationError: the languages have different numbers of pairs.
        """
        sizes = {code: len(pairs.gold) for code, pairs in monolingual.items()}
        if len(set(sizes.values())) > 1:
            raise EvaluationError(
                f"a parallel benchmark needs the same number of pairs in every language, found {sizes}"
            )
        pairs = {
            (a, b): GradedPairs(monolingual[a].first, monolingual[b].second, monolingual[a].gold)
            for a, b in itertools.product(monolingual, repeat=2)
        }
        return cls(pairs, parallel=True)


@dataclass(frozen=True)
class Labelled:
    """Labelled train and test texts of one language."""

    train_texts: Sequence[str]
    train_labels: Sequence[str]
    test_texts: Sequence[str]
    test_labels: Sequence[str]


@dataclass(frozen=True)
class Classification:
    """Labelled texts by language."""

    languages: Mapping[str, Labelled]


@dataclass(frozen=True)
class Bitext:
    """Sentences and their translations.

    Attributes:
        pairs: maps `(kaz, eng)` to the sentences of both; translations have the same index.
        multiway: the same sentences in all languages, by language; None if the corpus is not multiway parallel.
    """

    pairs: Mapping[tuple[str, str], tuple[Sequence[str], Sequence[str]]]
    multiway: Mapping[str, Sequence[str]] | None = None

    def __post_init__(self) -> None:
        if not self.pairs:
            raise NothingToScoreError("finding translations needs at least two of its languages")
        for (a, b), (one, other) in self.pairs.items():
            if len(one) != len(other):
                raise EvaluationError(
                    f"a bitext needs the same number of lines on both sides, found {len(one)} in {a} and "
                    f"{len(other)} in {b}"
                )

    @classmethod
    def of_all(cls, sentences: Mapping[str, Sequence[str]]) -> Bitext:
        """Make all pairs of languages of a multiway parallel corpus."""
        pairs = {(a, b): (sentences[a], sentences[b]) for a, b in itertools.combinations(sentences, 2)}
        return cls(pairs, sentences)


@dataclass(frozen=True)
class Choice:
    """Multiple-choice questions on passages; the same questions in every language.

    Attributes:
        passages: n passages by language.
        candidates: n lists of candidates by language, each a question joined with one answer; lists are equally long.
        right: `[n]`, index of the right candidate.
    """

    passages: Mapping[str, Sequence[str]]
    candidates: Mapping[str, Sequence[Sequence[str]]]
    right: np.ndarray


@dataclass(frozen=True)
class Collection:
    """Queries, passages, and which passages answer which query.

    Attributes:
        queries: query texts by id; each has at least one relevant passage.
        passages: passage texts by id.
        relevant: maps the id of a query to its relevant passages' ids and grades, which are positive.
    """

    queries: Mapping[str, str]
    passages: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, int]]

    def __post_init__(self) -> None:
        if unknown := [key for key in self.relevant if key not in self.queries]:
            raise EvaluationError(f"the judgements name query {unknown[0]!r}, which does not exist")
        judged = {passage: query for query, grades in self.relevant.items() for passage in grades}
        if unknown := [key for key in judged if key not in self.passages]:
            raise EvaluationError(
                f"the judgements of query {judged[unknown[0]]!r} name passage {unknown[0]!r}, which does not exist"
            )

    @classmethod
    def of(
        cls, queries: Mapping[str, Any], passages: Mapping[str, Any], relevant: Mapping[str, Mapping[str, int]]
    ) -> Collection:
        """A collection without the texts that are empty or missing, and without queries that nothing answers then.

        Raises:
            EvaluationError: something else than a text is among them, or a judgement names an id that does not exist.
        """
        for what, texts in (("query", queries), ("passage", passages)):
            if wrong := [key for key, text in texts.items() if not isinstance(text, str) and not is_missing(text)]:
                raise EvaluationError(f"{what} {wrong[0]!r} is not a text but {texts[wrong[0]]!r}")
        given = cls(queries, passages, relevant)
        there = {key: text for key, text in passages.items() if not is_missing(text)}
        answers = {
            query: {passage: grade for passage, grade in grades.items() if passage in there}
            for query, grades in given.relevant.items()
            if not is_missing(queries[query])
        }
        kept = {query: grades for query, grades in answers.items() if grades}
        if len(there) < len(passages) or len(kept) < len(relevant):
            logger.warning(
                "%d of %d passages are empty, and %d of %d queries are, or have no other answer: left out",
                len(passages) - len(there),
                len(passages),
                len(relevant) - len(kept),
                len(relevant),
            )
        return cls(queries, there, kept)


@dataclass(frozen=True)
class Retrieval:
    """Collections by the languages of their queries and passages.

    Attributes:
        pairs: maps `(hau, eng)` to Hausa queries on English passages; both are the same within a language.
    """

    pairs: Mapping[tuple[str, str], Collection]

    def __post_init__(self) -> None:
        if not any(collection.relevant for collection in self.pairs.values()):
            raise NothingToScoreError("no query has a relevant passage in its languages")


Data = Similarity | Classification | Bitext | Choice | Retrieval
