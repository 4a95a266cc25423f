"""Translate the pivot's paraphrases (anchor, positive and hard negative), and keep the originals beside them."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainer.data.text_files import read_lines, write_lines
from trainer.preparation.building import Builder, kind_of
from trainer.preparation.cleaning import normalised
from trainer.preparation.codes import Style, codes_of
from trainer.preparation.parts import Facts, Part
from trainer.preparation.rows import Row
from trainer.translation import TranslationSettings, code_in_model, translate

logger = logging.getLogger(__name__)

KIND = "cross-paraphrase"
_STYLES: tuple[Style, ...] = ("script", "iso1", "iso3")


@dataclass(frozen=True)
class TranslationOptions:
    """How the pivot's paraphrases are translated.

    Args:
        revision: Commit, tag or branch of the model on the Hub.
        source: The pivot's code in the model's tokenizer; by default it is looked up.
        target: The language's code in the model's tokenizer; by default it is looked up.
        license: Licence of the model's output, for SOURCES.md and the cards, in addition to that of the originals.
        limit: Translate at most this many rows of a source.
        num_beams: Number of beams; 1 is greedy decoding, which is faster.
        tokens_per_batch: Maximum number of tokens in a batch, padding included.
        device: Device to compute on; by default a GPU if there is one.
        dtype: Precision to compute in.
    """

    revision: str | None = None
    source: str = ""
    target: str = ""
    license: str = ""
    limit: int = 20_000
    num_beams: int = 4
    tokens_per_batch: int = 2048
    device: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"

    def codes(self, model: str, language: str, pivot: str) -> tuple[str, str]:
        """A model's codes of the pivot and of the language.

        Raises:
            TranslationError: the model does not know one of them.
        """
        source = self.source or code_in_model(model, self.revision, _candidates(pivot))
        target = self.target or code_in_model(model, self.revision, _candidates(language))
        logger.info("%s: translating from %s to %s", model, source, target)
        return source, target


def translated(
    options: TranslationOptions, model: str, originals: Part, facts: Facts, language: str, builder: Builder
) -> tuple[Part, Facts]:
    """Translate the rows of a part.

    Args:
        options: options of the translation.
        model: Hub id or folder; mind its licence.
        originals: a finished part with paraphrases of the pivot.
        facts: the facts about that part.
        language: the language to translate to, ISO 639-3.
        builder: gives the pivot, and the sentences that must not be in the data.

    Returns:
        A part with rows of six sentences: anchor, positive and hard negative in the pivot, and the same in the
        language; the negatives may be empty. And the facts about it.

    Raises:
        AdaptersHubError: the model cannot be loaded, or does not know the languages, or no row passes the checks.
    """
    decisive = {name: getattr(options, name) for name in ("revision", "source", "target", "num_beams", "dtype")}
    decisive |= {"model": model}
    wanted = {"of": originals.wanted, "language": language, "limit": options.limit, **decisive}
    part = Part(originals.output, kind_of(KIND, language, builder.pivot), originals.name, wanted)
    if known := part.facts():
        logger.info("%s, %s: %s; finished already", part.kind, part.name, known)
        return part, known
    source, target = options.codes(model, language, builder.pivot)
    rows = list(itertools.islice(originals.rows(), options.limit))
    # The file name holds the settings that translations depend on: a run with another limit uses them again.
    mark = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    beside = {name: part.path.with_name(f"{part.name}.{mark}.{name}.tsv") for name in ("input", "output", "originals")}
    write_lines(beside["input"], ("\t".join(_three(row.texts)) for row in rows))
    translate(
        TranslationSettings(
            model,
            str(beside["input"]),
            source,
            target,
            str(beside["output"]),
            originals=str(beside["originals"]),
            revision=options.revision,
            tokens_per_batch=options.tokens_per_batch,
            num_beams=options.num_beams,
            device=options.device,
            dtype=options.dtype,
        )
    )
    made = [_six(line.split("\t")) for line in read_lines(beside["originals"])]
    labels = {row.texts[:2]: row.label for row in rows}
    kept = [
        Row(labels[texts[:2]], texts)
        for texts in made
        if not any(text in builder.excluded for text in texts[3:] if text)
    ]
    dropped = {"by the checks of translations": len(rows) - len(made), "in the excluded files": len(made) - len(kept)}
    part.write(kept)
    made_of = Facts(
        part.name,
        facts.where,
        len(rows),
        {reason: count for reason, count in dropped.items() if count},
        len(kept),
        facts.revision,
        model + (f"@{options.revision}" if options.revision else ""),
    )
    part.finish(made_of)
    for path in beside.values():
        path.unlink()
    return part, made_of


def _three(texts: Sequence[str]) -> tuple[str, ...]:
    return (*texts, "")[:3]


def _six(texts: Sequence[str]) -> tuple[str, ...]:
    """Three originals and three translations; the translations are normalised as all sources are."""
    half = len(texts) // 2
    return (*_three(texts[:half]), *map(normalised, _three(texts[half:])))


def _candidates(language: str) -> list[str]:
    return list(dict.fromkeys(code for style in _STYLES for code in codes_of(language, style)))
