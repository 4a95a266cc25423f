"""The description of a source of training data, and the file that lists sources."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentParser

from adapters_hub.errors import AdaptersHubError
from adapters_hub.languages import usual_script
from adapters_hub.reading import read_text
from trainer.preparation.codes import Style, codes_of
from trainer.runs.parsing import parse_values
from trainer.settings import SettingsError

PUBLIC = Path(__file__).with_name("sources.yaml")
Kind = Literal["text", "parallel", "paraphrase"]
WIDTH: dict[str, tuple[int, int]] = {"text": (1, 1), "parallel": (2, 2), "paraphrase": (2, 3)}
"""Fewest and most sentences in a row of each kind."""


@dataclass(frozen=True)
class Source:
    """A source of training data: a local file, or a data set on the Hub.

    In `path`, `subset`, `files`, `groups`, `columns`, `where` and `key`, `{language}` and `{pivot}` stand for this
    source's codes of the two languages (see `codes`), `{pair}` for both codes in alphabetical order (`en-kk`),
    `{script}` for the language's script (`Cyrl`) and `{iso3}` for its ISO 639-3 code (`kaz`).

    Args:
        name: Its name in the provenance, on cards and in SOURCES.md.
        kind: text (of the language), parallel (a sentence of the pivot and its translation) or paraphrase (two
            sentences of one language, optionally a hard negative).
        path: A local file (.txt .tsv .csv .jsonl .parquet, also as .xz or .gz).
        dataset: A data set on the Hub (org/name), instead of a path.
        subset: Configuration of the data set.
        split: Split of the data set.
        files: Files of the data set to read instead of a configuration (a pattern such as data/{language}/*.jsonl.gz).
        revision: Commit, tag or branch of the data set.
        columns: Names of the columns, in the order of the kind (pivot first); a dot leads into a nested column
            (translation.kk). By default the columns are text, or anchor, positive and negative, or pivot and target;
            TSV and CSV files must then have no header line, and have their columns in this order.
        codes: Form of its language codes: iso3 (kaz), iso1 (kk) or script (kaz_Cyrl).
        exceptions: This source's own codes, by ISO 639-3 code.
        languages: The languages (ISO 639-3) that it has; by default its subsets or files decide.
        where: Columns, and the value that a row must have in each.
        key: Column with the same value in rows that mean the same. A parallel source is then read twice, once with the
            pivot's code for {language}, and rows with the same key become pairs; in a paraphrase source, neighbouring
            rows with the same key become pairs. Such a source has one column of text.
        segment: Split the rows, which are documents, into sentences.
        groups: File with a label for each row of path; the provenance is then name/label.
        limit: Use at most this many rows, after cleaning.
        min_characters: Drop rows with a shorter sentence.
        max_characters: Drop rows with a longer sentence.
        translate: Let --translate make paraphrases in other languages from this paraphrase source in the pivot.
        license: Licence of the source, for SOURCES.md and the cards.
        licenses: Licences by label of groups, where they differ.
        release: Whether what is made from it may be passed on; if not, --release_only true leaves it out.
    """

    name: str
    kind: Kind
    path: str = ""
    dataset: str = ""
    subset: str | None = None
    split: str = "train"
    files: str = ""
    revision: str | None = None
    columns: list[str] | None = None
    codes: Style = "iso3"
    exceptions: dict[str, str] = field(default_factory=dict)
    languages: list[str] | None = None
    where: dict[str, str] = field(default_factory=dict)
    key: str = ""
    segment: bool = False
    groups: str = ""
    limit: int | None = None
    min_characters: int = 2
    max_characters: int = 1000
    translate: bool = False
    license: str = ""
    licenses: dict[str, str] = field(default_factory=dict)
    release: bool = True

    def has(self, language: str) -> bool:
        """Whether it may have the language: False if `languages` is given and does not name it."""
        return self.languages is None or not {language, language.partition("_")[0]}.isdisjoint(self.languages)

    def fillings(self, language: str, pivot: str) -> Iterator[Filling]:
        """The possible values of its placeholders, the likeliest first."""
        for one in codes_of(language, self.codes, self.exceptions):
            for other in codes_of(pivot, self.codes, self.exceptions):
                yield Filling(language, one, pivot, other)

    def license_of(self, label: str) -> str:
        """The licence of rows with a label (`name` or `name/label`)."""
        return self.licenses.get(label.removeprefix(f"{self.name}/"), self.license)

    def check(self) -> None:
        """Refuse values that contradict each other.

        Raises:
            SettingsError: names the values and says what to change.
        """
        least, most = (1, 1) if self.key else WIDTH[self.kind]
        if bool(self.path) == bool(self.dataset):
            raise SettingsError(f"source {self.name}: expected either a path or a dataset, found both or neither")
        if not self.name or {"/", "\\", "\t", "\n"} & set(self.name) or self.name.startswith("."):
            raise SettingsError(f"source {self.name!r}: expected a name without slashes, such as opus-100")
        if self.dataset and self.groups:
            raise SettingsError(f"source {self.name}: groups are files beside a path, not beside a dataset")
        if self.columns is not None and not least <= len(self.columns) <= most:
            raise SettingsError(
                f"source {self.name}: expected {least if least == most else f'{least} or {most}'} columns of text, "
                f"found {', '.join(self.columns) or 'none'}"
            )
        if (self.dataset or self.key or self.where) and not self.columns:
            raise SettingsError(f"source {self.name}: name the columns of text under 'columns'")
        if self.key and self.kind == "text":
            raise SettingsError(f"source {self.name}: a key makes pairs, and text has none: leave it out")


@dataclass(frozen=True)
class Filling:
    """The values of a source's placeholders.

    Attributes:
        language: ISO 639-3, optionally with a script.
        code: the source's code of the language.
        pivot: ISO 639-3, optionally with a script.
        pivot_code: the source's code of the pivot.
    """

    language: str
    code: str
    pivot: str
    pivot_code: str

    def turned(self) -> Filling:
        """The values with the pivot and the language exchanged."""
        return Filling(self.pivot, self.pivot_code, self.language, self.code)

    def __call__(self, template: str) -> str:
        """Fill the values into a template."""
        values = {
            "language": self.code,
            "pivot": self.pivot_code,
            "pair": "-".join(sorted((self.code, self.pivot_code))),
            "script": usual_script(self.language),
            "iso3": self.language.partition("_")[0],
        }
        for name, value in values.items():
            template = template.replace(f"{{{name}}}", value)
        return template


def read_sources(path: Path) -> list[Source]:
    """Read a list of sources: YAML with `sources`, a list of the fields of `Source`.

    Raises:
        SettingsError: the list cannot be read, or one of its sources is not valid.
    """
    try:
        values = yaml.safe_load(read_text(path))
    except (AdaptersHubError, yaml.YAMLError, RecursionError) as error:
        told = str(error).splitlines()[0]
        raise SettingsError(f"list of sources {str(path)!r} cannot be read ({told}): check --sources") from error
    listed = values.get("sources") if isinstance(values, dict) else None
    if not isinstance(listed, list) or not listed:
        raise SettingsError(f"{path}: expected 'sources' with a list of sources (for example {PUBLIC})")
    sources = [_source(entry, f"{path}, source {number}") for number, entry in enumerate(listed, start=1)]
    names = [(source.kind, source.name) for source in sources]
    if twice := [name for kind, name in names if names.count((kind, name)) > 1]:
        raise SettingsError(f"{path}: two sources of one kind are called {twice[0]!r}: give each its own name")
    return sources


def _source(entry: Any, where: str) -> Source:  # noqa: ANN401
    known = [item.name for item in fields(Source)]
    if not isinstance(entry, dict):
        raise SettingsError(f"{where}: expected fields such as name, kind and path, found {entry!r}")
    if unknown := [name for name in entry if name not in known]:
        near = difflib.get_close_matches(str(unknown[0]), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(known)}"
        raise SettingsError(f"{where}: a source has no field {unknown[0]!r}{hint}")
    if missing := [name for name in ("name", "kind") if name not in entry]:
        raise SettingsError(f"{where}: expected a {missing[0]}; found {', '.join(map(str, entry))}")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Source, None)
    source = Source(**vars(parse_values(parser, entry, where)))
    source.check()
    return source
