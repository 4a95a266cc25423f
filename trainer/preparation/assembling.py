"""Merge the parts of a kind into one file for the recipes, with the provenance of every line."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters_hub.folders import sha256
from trainer.data.text_files import write_lines
from trainer.preparation.cleaning import digest
from trainer.preparation.parts import Part
from trainer.preparation.rows import Row
from trainer.preparation.sources import Source

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contribution:
    """The rows that one source contributes to a file.

    Attributes:
        source: their source.
        part: the rows; finished.
        license: licence of the translation model, if there is one.
        columns: start and end of the slice of each row's sentences that is used.
    """

    source: Source
    part: Part
    license: str = ""
    columns: tuple[int, int | None] = (0, None)


@dataclass(frozen=True)
class Assembled:
    """A merged file.

    Attributes:
        path: the file.
        lines: number of lines.
        labels: number of lines by provenance label.
        facts: its entry for `sources.json`.
    """

    path: Path
    lines: int
    labels: dict[str, int]
    facts: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """Names of the sources that it has lines of."""
        return [source["name"] for source in self.facts["sources"] if source["lines"]]

    @property
    def licenses(self) -> list[str]:
        """The licences of its lines, each once."""
        named = [entry["license"] for source in self.facts["sources"] for entry in source["labels"].values()]
        return list(dict.fromkeys(filter(None, named)))


def assemble(output: Path, kind: str, languages: str, parts: Sequence[Contribution]) -> Assembled:
    """Write `KIND/LANGUAGES`, such as `parallel/eng-kaz`, and its provenance; the order depends on the rows alone.

    Of duplicate rows, that of the first part is kept.
    """
    rows: dict[bytes, Row] = {}
    again: Counter[str] = Counter()
    for contribution in parts:
        for row in contribution.part.rows():
            chosen = Row(row.label, row.texts[slice(*contribution.columns)])
            if rows.setdefault(digest(chosen.texts), chosen) is not chosen:
                again[contribution.source.name] += 1
    ordered = _even([rows[key] for key in sorted(rows)])
    suffix = "txt" if kind == "mono" else "tsv"
    path = output / kind / f"{languages}.{suffix}.xz"
    provenance = output / "provenance" / f"{kind}-{languages.rpartition('-')[2]}.txt.xz"
    write_lines(path, ("\t".join(row.texts) for row in ordered))
    write_lines(provenance, (row.label for row in ordered))
    labels = dict(Counter(row.label for row in ordered).most_common())
    facts = {
        "lines": len(ordered),
        "sha256": sha256(path),
        "provenance": provenance.relative_to(output).as_posix(),
        "sources": [_facts(contribution, labels, again) for contribution in parts],
    }
    logger.info("%s: %d lines from %d source(s)", path, len(ordered), len(labels))
    return Assembled(path, len(ordered), labels, facts)


def _even(rows: list[Row]) -> list[Row]:
    """Rows of equal width: all have a column for hard negatives or, if no row has a hard negative, none has.

    Rows of paraphrases have two or three sentences, or six: three of the pivot and three of the language.
    """
    width = max(len(row.texts) for row in rows)
    filled = [(*row.texts, "")[:width] for row in rows]
    if width % 3 == 0 and not any(any(texts[2::3]) for texts in filled):
        filled = [tuple(text for place, text in enumerate(texts) if place % 3 != 2) for texts in filled]
    return [Row(row.label, tuple(texts)) for row, texts in zip(rows, filled, strict=True)]


def _facts(contribution: Contribution, labels: dict[str, int], duplicates: Counter[str]) -> dict[str, Any]:
    source, facts = contribution.source, contribution.part.facts
    assert facts is not None
    own = [label for label in labels if label == source.name or label.startswith(f"{source.name}/")]
    return {
        "name": source.name,
        "where": facts.where,
        "revision": facts.revision,
        "translated_by": facts.model or None,
        "release": source.release,
        "read": facts.read,
        "dropped": facts.dropped
        | ({"in an earlier source": duplicates[source.name]} if duplicates[source.name] else {}),
        "lines": sum(labels[label] for label in own),
        "labels": {label: {"lines": labels[label], "license": _license(contribution, label)} for label in own},
    }


def _license(contribution: Contribution, label: str) -> str:
    given: Iterable[str] = (contribution.source.license_of(label), contribution.license)
    return ", translated: ".join(filter(None, given))
