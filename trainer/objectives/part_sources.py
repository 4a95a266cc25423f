"""The sources of a language's training rows, part by part, and the share of the training steps that each part gets."""

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
    """The source of the rows of one part.

    Attributes:
        kind: see `trainer.objectives.kinds`.
        language: ISO 639-3; for the part of a related language, that language.
        source: the data source.
        share: share of the training steps. Several sources of one kind and language are used equally often, whatever
            their number of rows.
        mixed: settings of the mixed sentences that are added to translations; None to add none.
    """

    kind: str
    language: str
    source: DataSource
    share: float
    mixed: MixingSettings | None = None


def encoding_sources(settings: SentenceEncodingSettings, language: str) -> list[PartSource]:
    """The parts of SE: the language's own parts, then the relations of its related languages."""
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
    """The parts of CLA: the language's own parts, then those of its related languages.

    Related languages have parts of the objective's last kind only: translations, or paraphrases for `paraphrase`.
    """
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
    """The languages that are trained on mixed sentences, each once."""
    codes = {source.language: source.mixed for source in sources if source.mixed is not None}
    return [code for code, mixed in codes.items() if has_data(mixed.lexicon, code, pivot)]


def source_facts(sources: Sequence[PartSource], use: str, pivot: str) -> list[dict[str, Any]]:
    """The facts about the data of some parts that a card shows, including mixed sentences.

    Args:
        sources: the sources of the parts.
        use: purpose of the data; the kind of each part is appended.
        pivot: ISO 639-3.
    """
    facts = [data_facts(source.source, f"{use}, {source.kind}", source.language, pivot) for source in sources]
    settings = {source.language: source.mixed for source in sources if source.mixed is not None}
    mixed = mixed_languages(sources, pivot)
    facts += [data_facts(settings[code].lexicon, f"{use}, words of mixed sentences", code, pivot) for code in mixed]
    if mixed:
        facts.append(data_facts(settings[mixed[0]].sentences, f"{use}, mixed sentences", pivot, pivot))
    return facts
