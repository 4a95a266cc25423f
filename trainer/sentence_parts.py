"""What SE trains on: paraphrases, relations to the pivot, and relations of related languages."""

from __future__ import annotations

from dataclasses import dataclass

from accelerate import PartialState
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from adapters_hub import BaseEncoder
from adapters_hub.hub import fetch_module
from trainer import alignment
from trainer.batches import tokenize
from trainer.corpora import load_pairs
from trainer.pivot import KeptVectors, Vectors, frozen_encoder
from trainer.runs import split, with_relatives
from trainer.sentence_encoding import COLUMNS, KINDS, RELATIONAL_COLUMNS
from trainer.settings import DataSource, Recipe, SentenceEncodingSettings, fill


@dataclass(frozen=True)
class Part:
    """Pairs of one kind in one language.

    Attributes:
        kind: `contrastive` or `relational`.
        language: of the sentences that are encoded in training.
        text: the pairs.
        train: training rows, tokenized.
        evaluation: of `text` the last rows, tokenized; None if all are trained on.
    """

    kind: str
    language: str
    text: Dataset
    train: Dataset
    evaluation: Dataset | None


def sources_of(settings: SentenceEncodingSettings, language: str) -> list[tuple[str, str, DataSource]]:
    """Kind, language and data of each part: the language's own, then the relations of its relatives."""
    kinds = KINDS[settings.objective]
    own = [(kind, language, settings.relations if kind == "relational" else settings.data) for kind in kinds]
    others = settings.related_list if "relational" in kinds else []
    return own + [("relational", other, settings.relations) for other in others if other != language]


def shares_of(settings: SentenceEncodingSettings, parts: list[Part]) -> list[float]:
    """How the batches are shared out: `related_share` to the relatives, the rest to the language's own kinds."""
    own = len(KINDS[settings.objective])
    kinds = [1.0] if own == 1 else [1 - settings.relational_share, settings.relational_share]
    return with_relatives(kinds, settings.related_share, len(parts) - own)


def load_parts(recipe: Recipe, language: str, base: BaseEncoder, tokenizer: PreTrainedTokenizerFast) -> list[Part]:
    """Read and tokenize everything that SE trains on.

    Raises:
        DataError: see `load_pairs`.
    """
    settings = recipe.se
    parts = []
    for kind, code, source in sources_of(settings, language):
        relational = kind == "relational"
        names = RELATIONAL_COLUMNS if relational else COLUMNS
        with PartialState().main_process_first():
            pairs = load_pairs(source, code, recipe.pivot, alignment.COLUMNS if relational else names)
            if relational:
                pairs = pairs.rename_columns(dict(zip(alignment.COLUMNS[:2], names[:2], strict=True)))
            encoded = tokenize(
                pairs,
                names[1:2] if relational else names,
                tokenizer,
                base.prompt,
                min(settings.max_length, base.max_positions),
                f"{code} {kind} pairs",
                only_keys=names[:1] if relational else (),
                languages=dict.fromkeys(names, code),
            )
        if relational:
            encoded = encoded.add_column("row", list(range(len(encoded))))  # type: ignore[call-arg]
        parts.append(Part(kind, code, pairs, *split(encoded, settings.eval_share)))
    return parts


def teachers_of(recipe: Recipe, base: BaseEncoder, parts: list[Part], used: set[int]) -> list[Vectors | None]:
    """For each relational part what the teacher sees: the pivot's module, or the untouched base.

    Args:
        recipe: names the teacher.
        base: the base encoder; it is copied, never changed.
        parts: from `load_parts`.
        used: the rows that training will look at, counted over all parts.
    """
    found: list[Vectors | None] = []
    kept: KeptVectors | None = None
    start = 0
    for part in parts:
        end = start + len(part.train)
        if part.kind == "relational":
            kept = kept or _teacher(recipe, base)
            needed = [row - start for row in used if start <= row < end]
            needed += range(len(part.train), len(part.text))  # for evaluation
            found.append(kept.of_rows(part.text, RELATIONAL_COLUMNS[0], (part.train, part.evaluation), needed))
        else:
            found.append(None)
        start = end
    return found


def teacher_source(recipe: Recipe) -> str:
    """Where the teacher's module is; empty for the untouched base."""
    return fill(recipe.se.teacher, recipe.pivot, recipe.pivot)


def _teacher(recipe: Recipe, base: BaseEncoder) -> KeptVectors:
    encoder = frozen_encoder(base)
    source = teacher_source(recipe)
    if not source:
        return KeptVectors(encoder, None, base_language=recipe.pivot)
    with PartialState().main_process_first():
        encoder.add_module(fetch_module(source, recipe.hub).folder)
    return KeptVectors(encoder, encoder.languages[0])
