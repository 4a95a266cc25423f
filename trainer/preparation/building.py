"""Make the parts of a language: read the rows of each source, clean them and write them."""

from __future__ import annotations

import itertools
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from adapters_hub.folders import sha256
from adapters_hub.languages import usual_script
from trainer.data.errors import LanguageMissing
from trainer.data.files import as_recorded
from trainer.preparation.cleaning import Cleaner, Limits
from trainer.preparation.exclusion import Excluded
from trainer.preparation.parts import Facts, Part
from trainer.preparation.reading import local_files, open_source
from trainer.preparation.rows import rows_of
from trainer.preparation.sources import Source
from trainer.translation import script_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Builder:
    """Makes the parts that do not exist yet.

    Attributes:
        output: folder of the data.
        pivot: ISO 639-3.
        excluded: sentences that must not be in the data.
        limit: maximum number of rows of a source; None: the source's own limit.
    """

    output: Path
    pivot: str
    excluded: Excluded
    limit: int | None = None

    def part(self, source: Source, language: str) -> Part:
        """The finished part that a source contributes to a language.

        Raises:
            LanguageMissing: the source has nothing in the language.
            DataError: the source cannot be read.
        """
        wanted = self._wanted(source, language)
        part = Part(self.output, kind_of(source.kind, language, self.pivot), source.name, wanted)
        if part.is_finished():
            return part
        opened = open_source(source, language, self.pivot)
        logger.info("%s, %s: reading %s", part.kind, source.name, opened.where)
        cleaner = Cleaner(_limits(source, language, self.pivot), self.excluded)
        recorded = zip(opened.files, wanted.get("files", ()), strict=True)
        with as_recorded([{"path": str(path), "sha256": digest} for path, digest in recorded]):
            rows, limit = cleaner.clean(rows_of(source, opened)), self._limit(source)
            with tqdm(rows, total=limit, desc=f"{part.kind}, {part.name}", unit=" rows") as bar:
                part.write(itertools.islice(bar, limit))
                kept = int(bar.n)
        if not kept:
            part.path.unlink()
            dropped = ", ".join(f"{count} {reason}" for reason, count in cleaner.dropped.most_common())
            raise LanguageMissing(f"{opened.where} has no usable row" + (f" (dropped: {dropped})" if dropped else ""))
        dropped_by = dict(cleaner.dropped.most_common())
        part.finish(Facts(source.name, opened.where, cleaner.read, dropped_by, kept, opened.revision))
        logger.info("%s, %s: %s", part.kind, source.name, part.facts)
        return part

    def _limit(self, source: Source) -> int | None:
        given = [limit for limit in (source.limit, self.limit) if limit is not None]
        return min(given) if given else None

    def _wanted(self, source: Source, language: str) -> dict[str, Any]:
        """Everything that the rows of a part depend on; a data set counts by its name, not by its present content."""
        own = asdict(source)
        for name in ("license", "licenses", "release", "translate"):
            own.pop(name)
        wanted: dict[str, Any] = {
            "source": own,
            "language": language,
            "pivot": self.pivot,
            "limit": self._limit(source),
            "excluded": self.excluded.digests,
        }
        if source.path and source.has(language):
            wanted["files"] = [sha256(path) for path in local_files(source, language, self.pivot)]
        return wanted


def kind_of(kind: str, language: str, pivot: str) -> str:
    """The name of a kind of rows with its languages: `text-kaz`, `parallel-eng-kaz`."""
    return f"{kind}-{pivot}-{language}" if kind in ("parallel", "cross-paraphrase") else f"{kind}-{language}"


def _limits(source: Source, language: str, pivot: str) -> Limits:
    own = script_of(f"{language.partition('_')[0]}_{usual_script(language)}")
    crossing = source.kind == "parallel"
    scripts = (script_of(pivot), own) if crossing else (own,)
    return Limits(scripts, crossing, source.min_characters, source.max_characters)
