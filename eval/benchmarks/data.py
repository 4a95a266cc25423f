"""The forms that benchmark data takes, one for each task."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.errors import EvaluationError, NothingToScoreError


@dataclass(frozen=True)
class GradedPairs:
    """Sentence pairs with grades of similarity.

    Attributes:
        first: n sentences.
        second: n sentences.
        gold: `[n]`, grades.
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


@dataclass(frozen=True)
class Similarity:
    """Graded pairs by the languages of their first and second sentences.

    Attributes:
        pairs: `(eng, deu)` to its pairs; both sides the same language for comparisons within it.
        parallel: the pairs mean the same in all languages, so that language bias can be computed.
    """

    pairs: Mapping[tuple[str, str], GradedPairs]
    parallel: bool

    @classmethod
    def crossed(cls, monolingual: Mapping[str, GradedPairs]) -> Similarity:
        """All pairs of languages out of the same pairs in each: the first sentence in one, the second in the other.

        Raises:
            EvaluationError: the languages do not have the same number of pairs.
        """
        sizes = {code: len(pairs.gold) for code, pairs in monolingual.items()}
        if len(set(sizes.values())) > 1:
            raise EvaluationError(f"a parallel benchmark needs as many pairs in every language, found {sizes}")
        pairs = {
            (a, b): GradedPairs(monolingual[a].first, monolingual[b].second, monolingual[a].gold)
            for a, b in itertools.product(monolingual, repeat=2)
        }
        return cls(pairs, parallel=True)


@dataclass(frozen=True)
class Labelled:
    """Labelled texts of one language, to train on and to test on."""

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
        pairs: `(kaz, eng)` to the sentences of both, translations at the same place.
        multiway: the same sentences in all languages: language to sentences.
    """

    pairs: Mapping[tuple[str, str], tuple[Sequence[str], Sequence[str]]]
    multiway: Mapping[str, Sequence[str]] | None = None

    def __post_init__(self) -> None:
        if not self.pairs:
            raise NothingToScoreError("translations take two languages of those that it has")
        for (a, b), (one, other) in self.pairs.items():
            if len(one) != len(other):
                raise EvaluationError(
                    f"a bitext needs as many lines on both sides, found {len(one)} in {a} and {len(other)} in {b}"
                )

    @classmethod
    def of_all(cls, sentences: Mapping[str, Sequence[str]]) -> Bitext:
        """All pairs of languages of a multiway corpus."""
        pairs = {(a, b): (sentences[a], sentences[b]) for a, b in itertools.combinations(sentences, 2)}
        return cls(pairs, sentences)


@dataclass(frozen=True)
class Choice:
    """Questions with several answers, one of them right, on passages; the same questions in every language.

    Attributes:
        passages: language to n texts.
        candidates: language to n lists of as many texts: question and answer.
        right: `[n]`, index of the right candidate.
    """

    passages: Mapping[str, Sequence[str]]
    candidates: Mapping[str, Sequence[Sequence[str]]]
    right: np.ndarray


Data = Similarity | Classification | Bitext | Choice
