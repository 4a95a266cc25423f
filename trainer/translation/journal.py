"""The journal of finished translations on disk, from which a killed run resumes."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters_hub.errors import AdaptersHubError
from adapters_hub.json_files import parse_json

logger = logging.getLogger(__name__)


_USUAL = {"finished": True, "skipped": False}


@dataclass(frozen=True)
class Translation:
    """A translated sentence.

    Attributes:
        text: the translation on one line, with single spaces.
        finished: the model ended the translation itself, within the maximum length.
        skipped: the sentence exceeds the maximum length and was not translated.
    """

    text: str
    finished: bool = True
    skipped: bool = False


class Journal:
    """A JSONL file: first the settings that translations depend on, then a line for every sentence.

    Args:
        path: the file, which is created when the first translations are written.
        settings: those of this run.

    Raises:
        AdaptersHubError: the file was begun with other settings, or cannot be read.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.settings = dict(settings)
        self.translations: dict[str, Translation] = {}
        if path.is_file():
            try:
                self._read()
            except (OSError, TypeError, KeyError, AttributeError) as error:
                raise AdaptersHubError(f"{path} cannot be read as translations ({error}): delete it") from error

    def add(self, sentences: Sequence[str], translations: Sequence[Translation]) -> None:
        """Add a finished batch, to the file first."""
        lines = [] if self.path.is_file() else [self.settings]
        lines += [
            {"source": source, **{name: value for name, value in vars(found).items() if value != _USUAL.get(name)}}
            for source, found in zip(sentences, translations, strict=True)
        ]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        except OSError as error:
            raise AdaptersHubError(
                f"{self.path} cannot be written ({error.strerror or error}): free some space and start again; "
                "finished translations are kept"
            ) from error
        self.translations.update(zip(sentences, translations, strict=True))

    def _read(self) -> None:
        whole = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                entry = _parsed(line)
                if entry is None:
                    break
                if number == 0:
                    self._check(entry)
                else:
                    source = entry.pop("source")
                    self.translations[source] = Translation(**entry)
                whole += len(line)
        if 0 < whole == self.path.stat().st_size:
            return
        logger.info("%s does not end with a complete line: resuming after the last complete one", self.path)
        if whole:
            with self.path.open("r+b") as file:
                file.truncate(whole)
        else:
            self.path.unlink()

    def _check(self, settings: dict[str, Any]) -> None:
        for name, value in self.settings.items():
            if settings.get(name) != value:
                raise AdaptersHubError(
                    f"{self.path} was begun with {name} {settings.get(name)!r}, now {value!r}: "
                    "delete it, or choose another --output"
                )


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The values of a line; None if the line is incomplete."""
    try:
        parsed: dict[str, Any] | None = parse_json(line) if line.endswith(b"\n") else None
        return parsed
    except ValueError:
        return None
