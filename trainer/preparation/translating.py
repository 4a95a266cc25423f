"""Translate the pivot's paraphrases (anchor, positive and hard negative), and keep the originals beside them."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from dataclasses import dataclass

from trainer.preparation.building import Builder, kind_of
from trainer.preparation.cleaning import normalised
from trainer.preparation.codes import Style, codes_of
from trainer.preparation.parts import Facts, Part
from trainer.preparation.rows import Row
from trainer.translation import Decoding, code_in_model, translated

logger = logging.getLogger(__name__)

KIND = "cross-paraphrase"
_STYLES: tuple[Style, ...] = ("script", "iso1", "iso3")


@dataclass(kw_only=True)
class TranslationOptions(Decoding):
    """How the pivot's paraphrases are translated.

    Args:
        source: The pivot's code in the model's tokenizer; by default it is looked up.
        target: The language's code in the model's tokenizer; by default it is looked up.
        license: Licence of the model's output, for SOURCES.md and the cards, in addition to that of the originals.
        limit: Translate at most this many rows of a source.
    """

    source: str = ""
    target: str = ""
    license: str = ""
    limit: int = 20_000


def translated_part(options: TranslationOptions, model: str, originals: Part, language: str, builder: Builder) -> Part:
    """Translate the rows of a finished part with paraphrases of the pivot.

    Returns:
        A finished part with rows of six sentences: anchor, positive and hard negative in the pivot, and the same in the
        language; the negatives may be empty.

    Raises:
        AdaptersHubError: the model cannot be loaded, or does not know the languages, or no row passes the checks.
    """
    names = ("revision", "source", "target", "num_beams", "max_length", "dtype")
    decisive = {"model": model} | {name: getattr(options, name) for name in names}
    limits = {name: getattr(options, name) for name in ("limit", "length_factor", "script_share")}
    wanted = {"of": originals.wanted, "language": language, **limits, **decisive}
    part = Part(originals.output, kind_of(KIND, language, builder.pivot), originals.name, wanted)
    if part.is_finished():
        return part
    source = options.source or code_in_model(model, options.revision, _candidates(builder.pivot))
    target = options.target or code_in_model(model, options.revision, _candidates(language))
    logger.info("%s: translating from %s to %s", model, source, target)
    rows = {(*row.texts, "")[:3]: row.label for row in itertools.islice(originals.rows(), options.limit)}
    # The file name holds the settings that translations depend on: a run with other limits uses them again.
    mark = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    journal = part.path.with_name(f"{part.name}.{mark}.translations.jsonl")
    passed = translated(list(rows), model, source, target, options, journal)
    made = [Row(rows[row], (*row, *map(normalised, translations))) for row, translations in passed]
    kept = [row for row in made if not any(text in builder.excluded for text in row.texts[3:] if text)]
    dropped = {"by the checks of translations": len(rows) - len(made), "in the excluded files": len(made) - len(kept)}
    part.write(kept)
    counts = {reason: count for reason, count in dropped.items() if count}
    by = model + (f"@{options.revision}" if options.revision else "")
    assert originals.facts is not None
    where, revision = originals.facts.where, originals.facts.revision
    part.finish(Facts(part.name, where, len(rows), counts, len(kept), revision, by))
    return part


def _candidates(language: str) -> list[str]:
    return list(dict.fromkeys(code for style in _STYLES for code in codes_of(language, style)))
