"""The base class of benchmarks: data with a name, languages, a licence, a citation, and where to get it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from eval.benchmarks.data import Data
from eval.benchmarks.hub import Hub
from eval.benchmarks.source import Source
from eval.errors import EvaluationError, NothingToScoreError
from eval.languages import find_language

Task = Literal["similarity", "relatedness", "classification", "mining", "choice", "retrieval"]


class Benchmark(ABC):
    """Data for one task.

    Attributes:
        name: name on the command line; `title` is for display.
        license: licence as its authors state it.
        citation: authors, year, title.
        url: the public repository.
        hub_id: id of the dataset on the Hub; None: it is not on the Hub.
        revision: commit of the dataset on the Hub.
        splits: the splits that it has. A benchmark whose files are not divided has only `test`; a clone may hold
            a split made by others.
        undivided: whether its files do not name their split.
        hub_splits: maps a split to its name on the Hub, where that differs.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    task: ClassVar[Task]
    license: ClassVar[str]
    citation: ClassVar[str]
    url: ClassVar[str]
    hub_id: ClassVar[str | None] = None
    revision: ClassVar[str | None] = None
    splits: ClassVar[tuple[str, ...]] = ("dev", "test")
    undivided: ClassVar[bool] = False
    hub_splits: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def listed(self, source: Source, split: str) -> Sequence[str]:
        """The languages that the benchmark offers, whether or not the source has their files; ISO 639-3 codes.

        A code has a script where the benchmark distinguishes scripts.
        """

    @abstractmethod
    def files(self, language: str, split: str) -> Sequence[str]:
        """Paths of the files or folders that hold a language in a clone, relative to the data folder.

        Args:
            language: the benchmark's own code; also `*` for a pattern, where the clone decides which languages exist.
            split: `dev` or `test`.
        """

    def languages(self, source: Source, split: str) -> Sequence[str]:
        """The languages whose files the source has."""
        return [code for code in self.listed(source, split) if source.has(self.files(code, split))]

    def sources(self, folder: Path | None, hub: Hub) -> list[Source]:
        """The places where its data may be, in order of preference."""
        return [*([Source(folder, hub)] if folder else []), *([Source(None, hub)] if self.hub_id else [])]

    @abstractmethod
    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read the data.

        Args:
            languages: languages to read, in the benchmark's codes.
            split: `dev` or `test`.
            source: where to read from.

        Raises:
            EvaluationError: data is missing or invalid.
        """

    def rows(self, source: Source, subset: str | None, split: str, columns: Sequence[str]) -> Any:  # noqa: ANN401
        """Rows of its dataset on the Hub, or of a clone of that dataset; see `Source.rows`."""
        return source.rows(str(self.hub_id), self.revision, subset, self.hub_splits.get(split, split), columns)

    @property
    def obtain(self) -> str:
        """How to get a clone."""
        return f"git clone {self.url} into the data folder"

    def obtain_for(self, languages: Sequence[str]) -> str:
        """How to get the data of some languages, if these are in several places."""
        return self.obtain

    def select(self, wanted: Sequence[str], split: str, source: Source) -> tuple[list[str], list[str]]:
        """Split the wanted languages into those it has, in its own codes, and those it lacks."""
        own = self.languages(source, split)
        found: list[str] = []
        lacking = []
        for code in wanted:
            if match := find_language(code, own):
                found.append(match)
            else:
                lacking.append(code)
        return list(dict.fromkeys(found)), lacking

    def check_split(self, split: str, source: Source) -> None:
        """Refuse a split that it does not have in the source.

        Raises:
            NothingToScoreError: there is no such split; the message lists those that exist.
        """
        if split not in self.splits and not (self.undivided and source.folder is not None):
            where = " on the Hub" if self.undivided else ""
            raise NothingToScoreError(f"it has no {split} split{where}, only {', '.join(self.splits)}")


class Coded(Benchmark):
    """A benchmark that lists its languages under codes of its own.

    Attributes:
        codes: maps ISO 639-3 codes to the benchmark's codes.
        not_on_hub: languages that its dataset on the Hub lacks.
    """

    codes: ClassVar[Mapping[str, str]]
    not_on_hub: ClassVar[frozenset[str]] = frozenset()

    def listed(self, source: Source, split: str) -> Sequence[str]:
        """All its languages, in every source."""
        return list(self.codes)

    def languages(self, source: Source, split: str) -> Sequence[str]:
        """The languages whose files are in the clone, or that the Hub has."""
        lacking = self.not_on_hub if source.folder is None else ()
        return [code for code in super().languages(source, split) if code not in lacking]

    def code(self, language: str) -> str:
        """The benchmark's own code of a language.

        Raises:
            EvaluationError: it does not list the language; the message lists those it has.
        """
        if language not in self.codes:
            raise EvaluationError(f"{self.name} has no {language!r}; it has {', '.join(self.codes)}")
        return self.codes[language]
