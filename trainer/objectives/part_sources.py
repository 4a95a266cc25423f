"""Where the rows of a language come from, part by part, and how the training steps are shared out among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.data.facts import data_facts
from trainer.objectives.kinds import ALIGNMENT, ENCODING
from trainer.settings import (
    AlignmentSettings,
    DataSource,
    MixingSettings,
    SentenceEncodingSettings,
    has_data,
    source_list,
)


@dataclass(frozen=True)
class PartSource:
    """Where the rows of a part come from.

    Attributes:
        kind: see `trainer.objectives.kinds`.
        language: ISO 639-3; a relative's for the part of a relative.
        source: of the text.
        share: of the training steps. Several sources of one kind and language are taken equally often, however many
            rows each has.
        mixed: adds mixed sentences to translations; None: none.
    """

    kind: str
    language: str
    source: DataSource
    share: float
    mixed: MixingSettings | None = None


def encoding_sources(settings: SentenceEncodingSettings, language: str) -> list[PartSource]:
    """The parts of SE: the language's own kinds, then the relations of its relatives."""
    kinds = ENCODING[settings.objective]
    others = [code for code in settings.related_list if code != language] if "relational" in kinds else []
    left = 1 - settings.related_share if others else 1.0
    second = settings.relational_share
    parts: list[PartSource] = []
    for kind, share in zip(kinds, [left] if len(kinds) == 1 else [left * (1 - second), left * second], strict=True):
        sources = [settings.relations] if kind == "relational" else source_list(settings.data)
        parts += [PartSource(kind, language, source, share / len(sources)) for source in sources]
    return parts + [PartSource("relational", other, settings.relations, (1 - left) / len(others)) for other in others]


def alignment_sources(settings: AlignmentSettings, objective: str, language: str) -> list[PartSource]:
    """The parts of CLA: the language's own kinds, then translations (or else paraphrases) of its relatives."""
    kinds = ALIGNMENT[objective]
    others = [code for code in settings.related_list if code != language]
    left = 1 - settings.related_share if others else 1.0
    second = settings.parallel_share

    def parts(kind: str, code: str, share: float) -> list[PartSource]:
        if kind == "paraphrase":
            sources = source_list(settings.paraphrase)
            return [PartSource(kind, code, source, share / len(sources)) for source in sources]
        return [PartSource(kind, code, settings.parallel, share, settings.mixed)]

    shares = [left] if len(kinds) == 1 else [left * (1 - second), left * second]
    own = [part for kind, share in zip(kinds, shares, strict=True) for part in parts(kind, language, share)]
    return own + [part for other in others for part in parts(kinds[-1], other, (1 - left) / len(others))]


def mixed_languages(sources: Sequence[PartSource], pivot: str) -> list[str]:
    """The languages that learn from mixed sentences, each once."""
    codes = {source.language: source.mixed for source in sources if source.mixed is not None}
    return [code for code, mixed in codes.items() if has_data(mixed.lexicon, code, pivot)]


def source_facts(sources: Sequence[PartSource], use: str, pivot: str) -> list[dict[str, Any]]:
    """What a card says about the text of some parts, mixed sentences included.

    Args:
        sources: of the parts.
        use: what they were for, before the kind of each part.
        pivot: ISO 639-3.
    """
    facts = [data_facts(source.source, f"{use}, {source.kind}", source.language, pivot) for source in sources]
    settings = {source.language: source.mixed for source in sources if source.mixed is not None}
    mixed = mixed_languages(sources, pivot)
    facts += [data_facts(settings[code].lexicon, f"{use}, words of mixed sentences", code, pivot) for code in mixed]
    if mixed:
        facts.append(data_facts(settings[mixed[0]].sentences, f"{use}, mixed sentences", pivot, pivot))
    return facts
