"""Read and tokenize the rows that sentence vectors are trained on, in parts of one kind each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from accelerate import PartialState
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from trainer.data.batches import tokenize
from trainer.data.corpora import load_cross_lingual, load_pairs
from trainer.data.mixing import with_mixed
from trainer.objectives.kinds import CROSS_LINGUAL, columns_of, languages_of
from trainer.objectives.part_sources import PartSource
from trainer.training.steps import split


@dataclass(frozen=True)
class Part:
    """Rows of one kind.

    Attributes:
        source: the source of the rows.
        languages: the languages of a row, the pivot first if there are several.
        text: all rows, as text.
        train: the training rows, tokenized; they are the first rows of `text`.
        evaluation: the evaluation rows, tokenized; None if there are none.
    """

    source: PartSource
    languages: tuple[str, ...]
    text: Dataset
    train: Dataset
    evaluation: Dataset | None

    @property
    def kind(self) -> str:
        """See `trainer.objectives.kinds`."""
        return self.source.kind

    @property
    def name(self) -> str:
        """Language and kind, for facts and logs."""
        return f"{self.source.language} {self.kind}"


@dataclass(frozen=True)
class Reading:
    """Settings for reading and tokenizing parts.

    Attributes:
        tokenizer: the tokenizer for all texts.
        prompt: text put before every text.
        max_length: longest sequence in tokens, including the prompt and special tokens.
        eval_share: share of the rows that is kept for evaluation.
        pivot: ISO 639-3.
        frozen: the language whose vectors are looked up, so that its texts are not tokenized; None to tokenize all.
        seed: the recipe's seed, for mixed sentences.
        related: the tokenizers of related languages, whose text has rewriting rules of its own.
    """

    tokenizer: PreTrainedTokenizerFast
    prompt: str
    max_length: int
    eval_share: float
    pivot: str
    frozen: str | None
    seed: int
    related: Mapping[str, PreTrainedTokenizerFast] = field(default_factory=dict)


def load_part(source: PartSource, reading: Reading) -> Part:
    """Read and tokenize the rows of a part.

    Raises:
        DataError: the data is missing, unreadable or empty, or has other columns.
    """
    text = read_rows(source, reading.pivot, reading.seed)
    return make_part(source, _languages(source, reading.pivot), text, reading)


def _languages(source: PartSource, pivot: str) -> tuple[str, ...]:
    return (source.language,) if source.kind == "contrastive" else (pivot, source.language)


def read_rows(source: PartSource, pivot: str, seed: int) -> Dataset:
    """The rows of a part as text, with the columns of their kind; the recipe's seed decides on mixed sentences.

    Raises:
        DataError: the data is missing, unreadable or empty, or has other columns.
    """
    language, languages = source.language, _languages(source, pivot)
    columns = columns_of(source.kind, languages)
    with PartialState().main_process_first():
        if source.kind == CROSS_LINGUAL:
            text = load_cross_lingual(source.source, language, pivot, columns)
        else:
            text = load_pairs(source.source, language, pivot, columns)
        if source.mixed is not None:
            text = with_mixed(text, source.mixed, language, pivot, seed)
    return text


def make_part(source: PartSource, languages: Sequence[str], text: Dataset, reading: Reading) -> Part:
    """Tokenize the rows of a part.

    Args:
        source: the source of the rows.
        languages: the languages of a row, the pivot first if there are several.
        text: the rows, with the columns of their kind.
        reading: settings for tokenizing.
    """
    columns = columns_of(source.kind, languages)
    with PartialState().main_process_first():
        looked_up = frozen_columns(source.kind, languages, reading.frozen)
        encoded = tokenize(
            text,
            [column for column in columns if column not in looked_up],
            reading.related.get(source.language, reading.tokenizer),
            reading.prompt,
            reading.max_length,
            f"{source.language} {source.kind} pairs",
            only_keys=looked_up,
            languages=languages_of(source.kind, languages),
        )
    return Part(source, tuple(languages), text, *split(encoded, reading.eval_share))


def frozen_columns(kind: str, languages: Sequence[str], frozen: str | None) -> list[str]:
    """The columns of a kind whose vectors are looked up."""
    if frozen is None or kind == "contrastive":
        return []
    return list(columns_of(kind, [frozen])) if kind == CROSS_LINGUAL else ["pivot"]


def frozen_texts(parts: Sequence[Part], frozen: str, used: Collection[int], kinds: Collection[str] = ()) -> list[str]:
    """The texts that training or evaluation looks up.

    Args:
        parts: from `load_part`.
        frozen: the language of the texts.
        used: numbers of the rows that training will see, counted over the training rows of all parts.
        kinds: the kinds to include; by default all.
    """
    texts: list[str] = []
    start = 0
    for part in parts:
        end = start + len(part.train)
        columns = frozen_columns(part.kind, part.languages, frozen)
        if columns and (not kinds or part.kind in kinds):
            needed = [row - start for row in used if start <= row < end]
            needed += range(len(part.train), len(part.text))  # for evaluation
            rows = part.text.select(sorted(needed))
            for column in columns:
                texts += rows[column]
        start = end
    return texts


def row_counts(parts: Sequence[Part]) -> dict[str, int]:
    """The number of training rows by language and kind, for the manifest."""
    counts: dict[str, int] = {}
    for part in parts:
        counts[part.name] = counts.get(part.name, 0) + len(part.train)
    return counts
