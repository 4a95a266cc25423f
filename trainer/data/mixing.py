"""Mixed sentences: pivot text in which the words of a lexicon stand in the language, as pairs where there are none.

A language whose translations are of few kinds (messages, scripture) has none of the words of everyday life. A list of
some hundred of them brings these words into sentences of the kinds that the pivot has.

References:
    Qin et al. 2020, CoSDA-ML: Multi-Lingual Code-Switching Data Augmentation, section 3.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterable

import simplemma
from datasets import Dataset, Features, Value, concatenate_datasets

from adapters_hub.languages import hub_code
from trainer.data.corpora import load_first, load_words
from trainer.settings import MixingSettings, has_data

logger = logging.getLogger(__name__)

NOTHING = "-"
"""What a lexicon says of a word without a counterpart."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class Lexicon:
    """Words of the pivot and what they are in a language.

    A word is found as it is written in the lexicon, or, where the pivot's inflection is known, by its lemma.

    Args:
        entries: (pivot word, translation). A word may have several translations. That of a word without a counterpart,
            such as an article, is `-`: it is left out.
        pivot: language of the words, ISO 639-3.
    """

    def __init__(self, entries: Iterable[tuple[str, str]], pivot: str) -> None:
        self._code = _inflected(pivot)
        self._words: dict[str, list[str]] = {}
        self._lemmas: dict[str, list[str]] = {}
        for word, translation in entries:
            translation = "" if translation.strip() == NOTHING else translation.strip()
            self._words.setdefault(word.strip().lower(), []).append(translation)
        for word, translations in self._words.items():
            self._lemmas.setdefault(self._lemma(word), translations)

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, word: str) -> list[str]:
        """The translations of a word; none if it is unknown."""
        word = word.lower()
        return self._words.get(word) or self._lemmas.get(self._lemma(word), [])

    def mix(self, sentence: str, chance: random.Random) -> tuple[str, float]:
        """Put the words of a sentence into the language, each where it stands.

        Args:
            sentence: in the pivot.
            chance: chooses among several translations.

        Returns:
            The mixed sentence, and the share of words that have an entry (0 if there are no words).
        """
        found = [self[match.group()] for match in _WORD.finditer(sentence)]
        translations = iter(found)

        def translated(match: re.Match[str]) -> str:
            options = next(translations)
            return chance.choice(options) if options else match.group()

        mixed = " ".join(_WORD.sub(translated, sentence).split())
        return mixed, sum(map(bool, found)) / max(len(found), 1)

    def _lemma(self, word: str) -> str:
        return simplemma.lemmatize(word, lang=self._code).lower() if self._code and word else word


def with_mixed(pairs: Dataset, settings: MixingSettings, language: str, pivot: str, seed: int) -> Dataset:
    """Mixed sentences beside what they were made of, and after them the pairs.

    Args:
        pairs: from `load_pairs`, with a column for the pivot and one for the language.
        settings: of the mixing. Without a lexicon for the language the pairs come back as they are.
        language: ISO 639-3.
        pivot: ISO 639-3.
        seed: of the choice among several translations.

    Raises:
        DataError: lexicon or sentences are missing, unreadable or empty.
    """
    if not has_data(settings.lexicon, language, pivot):
        return pairs
    lexicon = Lexicon(load_words(settings.lexicon, language, pivot), pivot)
    sentences = load_first(settings.sentences, pivot, pivot)["text"]
    chance = random.Random(seed)
    rows = []
    for sentence in sentences:
        mixed, share = lexicon.mix(sentence, chance)
        if share >= settings.coverage and mixed not in ("", sentence):
            rows.append((sentence, mixed))
    logger.info(
        "%s: %d of %d sentences are mixed with %d words of the lexicon",
        language,
        len(rows),
        len(sentences),
        len(lexicon),
    )
    if not rows:
        return pairs
    features = Features({name: Value("string") for name in pairs.column_names})
    columns = dict(zip(pairs.column_names, map(list, zip(*rows, strict=True)), strict=True))
    return concatenate_datasets([Dataset.from_dict(columns, features=features), pairs.cast(features)])


def _inflected(language: str) -> str | None:
    """What the lemmatizer calls a language; None if it does not know it."""
    code = hub_code(language)  # two letters where there are any, by which it goes
    try:
        simplemma.lemmatize("a", lang=code)
    except ValueError:
        return None
    return code
