"""Join the rows of several languages, to train one encoder for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from accelerate import PartialState
from datasets import Dataset, Features, Value, concatenate_datasets

from adapters_hub.texts import text_key
from trainer.objectives.kinds import CROSS_LINGUAL, columns_of
from trainer.objectives.parts import Part, frozen_columns

_AT_A_TIME = 4096


def joined_languages(texts: Mapping[str, Dataset], pivot: str) -> Dataset:
    """Join paraphrases between the pivot and single languages into paraphrases across all languages.

    Rows with the same anchor and positive in the pivot become one row. If a language has several such rows, its first
    one is joined with the first ones of the other languages, its second with the second, and so on. So every row of
    every language is part of exactly one row of the result. The pivot's hard negative is the first one found.

    Args:
        texts: the rows of each language, with the columns of `paraphrase` for the pivot and the language.
        pivot: ISO 639-3.

    Returns:
        The columns of `paraphrase` for the pivot and all languages; the texts of a language without the row are empty.
    """
    with PartialState().main_process_first():
        numbers: dict[tuple[int, int, int], int] = {}
        places = {language: _places(text, pivot, numbers) for language, text in texts.items()}
        own_columns = columns_of(CROSS_LINGUAL, [pivot])
        stacked = concatenate_datasets([text.select_columns(list(own_columns)) for text in texts.values()])
        numbered = np.concatenate(list(places.values()))
        columns = []
        for column in own_columns:
            there = np.array([bool(text and text.strip()) for text in stacked[column]], dtype=bool)
            # The last assignment wins: rows with a text overwrite rows without one, and earlier rows later ones.
            order = np.lexsort((-np.arange(len(there)), there))
            first = np.zeros(len(numbers), dtype=np.int64)
            first[numbered[order]] = order
            columns.append(stacked.select_columns([column]).select(first))
        for language, text in texts.items():
            names = list(columns_of(CROSS_LINGUAL, [language]))
            features = Features({name: Value("string") for name in names})
            missing = Dataset.from_dict({name: [""] for name in names}, features=features)
            rows = np.full(len(numbers), len(text), dtype=np.int64)
            rows[places[language]] = np.arange(len(text))
            columns.append(concatenate_datasets([text.select_columns(names).cast(features), missing]).select(rows))
        return concatenate_datasets(columns, axis=1)


def _places(text: Dataset, pivot: str, numbers: dict[tuple[int, int, int], int]) -> np.ndarray:
    """For each row the number of the joined row that it belongs to; new joined rows are added to `numbers`."""
    anchor, positive, _ = columns_of(CROSS_LINGUAL, [pivot])
    seen: Counter[tuple[int, int]] = Counter()
    places = []
    for batch in text.iter(batch_size=_AT_A_TIME):
        for pair in zip(map(text_key, batch[anchor]), map(text_key, batch[positive]), strict=True):
            places.append(numbers.setdefault((*pair, seen[pair]), len(numbers)))
            seen[pair] += 1
    return np.array(places, dtype=np.int64)


def beside_itself(parts: Sequence[Part], pivot: str) -> Dataset:
    """Every pivot sentence that the parts look up, once, paired with itself as its translation."""
    with PartialState().main_process_first():
        texts: dict[str, None] = {}
        for part in parts:
            for column in frozen_columns(part.kind, part.languages, pivot):
                texts |= dict.fromkeys(text.strip() for text in part.text.unique(column) if text)
        sentences = [text for text in texts if text]
        return Dataset.from_dict({"pivot": sentences, "target": sentences})
