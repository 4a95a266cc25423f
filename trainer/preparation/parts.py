"""The part that one source contributes to one language: a file of rows and its description, written atomically."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adapters_hub.folders import sha256, write_text
from trainer.data.errors import DataError
from trainer.data.text_files import read_lines, write_lines
from trainer.preparation.rows import Row

logger = logging.getLogger(__name__)

FOLDER = "parts"


@dataclass(frozen=True)
class Facts:
    """Facts about a finished part.

    Attributes:
        name: name of the source.
        where: path, or data set with its subset or files.
        read: number of rows read.
        dropped: number of dropped rows by reason.
        lines: number of rows kept.
        revision: commit of the data set.
        model: the model that translated it, with its revision if one was given.
    """

    name: str
    where: str
    read: int
    dropped: dict[str, int]
    lines: int
    revision: str | None = None
    model: str = ""

    def __str__(self) -> str:
        dropped = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items())
        return f"{self.lines} of {self.read} rows" + (f" (dropped: {dropped})" if dropped else "")


@dataclass
class Part:
    """The rows of one source in one language.

    Attributes:
        output: folder of the data.
        kind: kind of the rows, with the languages: `parallel-eng-kaz`.
        name: name of the source.
        wanted: everything that the rows depend on.
        facts: the facts about it, once it is finished.
    """

    output: Path
    kind: str
    name: str
    wanted: dict[str, Any] = field(default_factory=dict)
    facts: Facts | None = None

    @property
    def path(self) -> Path:
        """The file with the rows."""
        return self.output / FOLDER / self.kind / f"{self.name}.jsonl.gz"

    def is_finished(self) -> bool:
        """Whether it is there, whole, and made with the same settings; if so, its facts are read."""
        try:
            described = json.loads(self._description.read_text(encoding="utf-8"))
            if described["wanted"] == self._plain() and described["sha256"] == sha256(self.path):
                self.facts = Facts(**described["facts"])
                logger.info("%s, %s: %s; finished already", self.kind, self.name, self.facts)
        except (OSError, ValueError, KeyError, TypeError):
            self.facts = None
        return self.facts is not None

    def write(self, rows: Iterable[Row]) -> None:
        """Write the rows to a temporary file, then rename it."""
        self._description.unlink(missing_ok=True)
        write_lines(self.path, (json.dumps([row.label, *row.texts], ensure_ascii=False) for row in rows))

    def finish(self, facts: Facts) -> None:
        """Mark the part as finished."""
        self.facts = facts
        described = {"facts": asdict(facts), "wanted": self._plain(), "sha256": sha256(self.path)}
        write_text(self._description, json.dumps(described, indent=2, ensure_ascii=False) + "\n")

    def rows(self) -> Iterator[Row]:
        """The rows that were written.

        Raises:
            DataError: the file is damaged.
        """
        try:
            for line in read_lines(self.path):
                label, *texts = json.loads(line)
                yield Row(label, tuple(texts))
        except (OSError, EOFError, ValueError) as error:
            raise DataError(f"{self.path} is damaged ({error}): delete it and start again") from error

    @property
    def _description(self) -> Path:
        return self.path.with_name(f"{self.name}.json")

    def _plain(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(json.dumps(self.wanted, sort_keys=True))
        return values
