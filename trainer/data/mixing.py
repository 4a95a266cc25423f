"""Mixed sentences: pivot sentences whose words are replaced by their translations in a lexicon, as extra pairs.

If a language's translations are of few kinds (such as messages or scripture), they lack everyday words. A lexicon of
a few hundred of these words puts them into the more varied sentences of the pivot.

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
"""The entry of a lexicon for a word without a counterpart in the language."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class Lexicon:
    """Words of the pivot and their translations in a language.

    A word is looked up in its written form, and then by its lemma if the lemmatizer knows the pivot.

    Args:
        entries: pairs (pivot word, translation). A word may have several translations. The translation `-` deletes a
            word without a counterpart, such as an article.
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
        """The translations of a word; an empty list if the word is unknown."""
        word = word.lower()
        return self._words.get(word) or self._lemmas.get(self._lemma(word), [])

    def mix(self, sentence: str, chance: random.Random) -> tuple[str, float]:
        """Replace the words of a sentence of the pivot by their translations, each in its place.

        `chance` chooses among several translations. Returns the mixed sentence, and the share of words that have an
        entry (0 if there are no words).
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
    """Pairs of pivot sentences and the mixed sentences made from them, followed by the given pairs.

    If there is no lexicon for the language, the pairs, which are from `load_pairs`, are returned unchanged. The seed
    chooses among several translations.

    Raises:
        DataError: the lexicon or the sentences are missing, unreadable or empty.
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
    told = "%s: made mixed sentences from %d of %d sentences with the %d words of the lexicon"
    logger.info(told, language, len(rows), len(sentences), len(lexicon))
    if not rows:
        return pairs
    features = Features({name: Value("string") for name in pairs.column_names})
    columns = dict(zip(pairs.column_names, map(list, zip(*rows, strict=True)), strict=True))
    return concatenate_datasets([Dataset.from_dict(columns, features=features), pairs.cast(features)])


def _inflected(language: str) -> str | None:
    """The lemmatizer's code for a language; None if it does not know the language."""
    code = hub_code(language)  # the lemmatizer uses two-letter codes where they exist
    try:
        simplemma.lemmatize("a", lang=code)
    except ValueError:
        return None
    return code
