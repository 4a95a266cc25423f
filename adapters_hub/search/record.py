"""What the passages of a corpus are encoded with, so that questions are encoded alike or refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.errors import AdaptersHubError, CompositionError
from adapters_hub.folders import write_text
from adapters_hub.json_files import load_json
from adapters_hub.languages import check_language, find_language
from adapters_hub.shards import FACTS_FILE

logger = logging.getLogger(__name__)

RECORD_FILE = "search.json"
_FORMAT = 1
_INSIDE = "_search"  # readers of Parquet folders ignore names that begin with an underscore


@dataclass(frozen=True)
class Record:
    """The languages of a corpus, each with the fingerprints of all that its vectors depend on.

    Attributes:
        languages: language (None: the untouched base) to `ModularEncoder.fingerprints`.
        made_with: what an encoder of these vectors is loaded from, see `Recipe.sources`.
    """

    languages: Mapping[str | None, tuple[str, ...]] = field(default_factory=dict)
    made_with: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Record:
        """The record of a search index, or of a folder that `adapters-hub encode` has written; empty for a new folder.

        Raises:
            AdaptersHubError: the folder holds something else, or its record is damaged.
        """
        for path, languages in ((place_of_index(folder) / RECORD_FILE, "languages"), (folder / FACTS_FILE, "vectors")):
            if path.is_file():
                return cls._parsed(path, languages)
        if folder.exists() and not (folder.is_dir() and all(path.name.startswith(".") for path in folder.iterdir())):
            raise AdaptersHubError(
                f"{folder} is no corpus: expected a folder that adapters-hub encode has written, a search index or a "
                "file of text"
            )
        return cls()

    @classmethod
    def _parsed(cls, path: Path, languages: str) -> Record:
        try:
            facts = load_json(path)
            if facts.get("format", _FORMAT) != _FORMAT:
                raise ValueError(f"its format is {facts['format']!r}, of a newer version: upgrade this library")
            found = {_code(name): tuple(map(str, prints)) for name, prints in facts[languages].items()}
            made_with = facts.get("made_with", {})
            return cls(found, {"base": made_with.get("base"), "modules": list(made_with.get("modules", []))})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AdaptersHubError(f"{path} is damaged ({error}): make it again from the texts") from error

    def write(self, folder: Path) -> None:
        """Write the record of a search index."""
        languages = {str(code): list(prints) for code, prints in self.languages.items()}
        facts = {"format": _FORMAT, "languages": languages, "made_with": dict(self.made_with)}
        write_text(folder / RECORD_FILE, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")

    def including(self, encoder: ModularEncoder, language: str | None, align: Align) -> Record:
        """This record with a language.

        Raises:
            CompositionError: the language is there already, with other modules or another alignment.
        """
        prints = encoder.fingerprints(language, align=align)
        if self.languages.get(language, prints) != prints:
            raise CompositionError(
                f"the passages in {language} were encoded with other modules or another alignment than those to add: "
                "use the same, or another folder"
            )
        return Record({**self.languages, language: prints}, encoder.__getstate__().sources)

    def check(self, encoder: ModularEncoder) -> None:
        """Refuse an encoder whose vectors are not comparable with the corpus.

        Raises:
            CompositionError: a language of the corpus is not loaded, or with other modules.
        """
        for language in self.languages:
            self.alignment(encoder, language)

    def alignment(self, encoder: ModularEncoder, language: str | None) -> Align:
        """With which alignment the passages of a language are encoded.

        Raises:
            CompositionError: the language is not loaded, or its vectors would be others.
        """
        if language is not None and language not in encoder.languages:
            raise CompositionError(
                f"the corpus holds passages in {language}, whose module is not loaded (loaded: "
                f"{', '.join(encoder.languages) or 'none'}): add it with --module"
            )
        choices: list[Align] = [False]
        if language is not None:
            choices += [{language: objective} for objective in encoder.alignments[language]]
        for align in choices:
            if encoder.fingerprints(language, align=align) == self.languages[language]:
                return align
        what = "the base" if language is None else f"the module or the alignment adapter of {language}"
        found = encoder.fingerprints(language)[0][:12]
        expected = " + ".join(one[:12] for one in self.languages[language])
        raise CompositionError(
            f"the corpus was encoded with other vectors: {what} has the fingerprint {found}, expected {expected}: load "
            "what it was encoded with, or encode it again"
        )

    def alignment_of_question(self, encoder: ModularEncoder, language: str | None) -> Align:
        """With which alignment to encode questions in a language.

        Where the corpus has passages in the language, as those are: without alignment is best within a language.
        Otherwise with the alignment adapter of the language, if it has one.
        """
        if language in self.languages:
            return self.alignment(encoder, language)
        for other in self.languages:
            if other is not None and encoder.alignments[other] and not self.alignment(encoder, other):
                logger.warning(
                    "the passages in %s were encoded without alignment, which questions in other languages need: "
                    "encode them with --align",
                    other,
                )
        return bool(language and encoder.alignments[language])


def place_of_index(folder: Path) -> Path:
    """Where the search index of a corpus is: inside a folder that `adapters-hub encode` has written."""
    return folder / _INSIDE if (folder / FACTS_FILE).is_file() else folder


def loaded_language(encoder: ModularEncoder, language: str | None) -> str | None:
    """The loaded language that a code means.

    Raises:
        AdaptersHubError: there is no such language, or its module is not loaded.
    """
    if language is None:
        return None
    found = find_language(language, encoder.languages)
    if found is None:
        raise AdaptersHubError(
            f"language {check_language(language)!r} is not loaded (loaded: {', '.join(encoder.languages) or 'none'}): "
            "add its module with --module"
        )
    return found


def _code(name: str) -> str | None:
    return None if name == "None" else name
