"""What a benchmark is: data with a name, languages, a licence, a citation, and where to get it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from eval.benchmarks.data import Data
from eval.benchmarks.hub import Hub
from eval.benchmarks.source import Source
from eval.errors import EvaluationError, NothingToScoreError
from eval.languages import find_language

Task = Literal["similarity", "relatedness", "classification", "mining", "choice"]


class Benchmark(ABC):
    """Data for one task.

    Attributes:
        name: for the command line.
        title: for people.
        task: what is measured on it.
        license: as its authors say.
        citation: authors, year, title.
        url: the public repository.
        hub_id: the dataset on the Hub; None: it is not there.
        revision: the commit of the Hub's dataset.
        splits: that it has. A benchmark whose files are not divided has `test` alone, and a clone may hold a
            division made by others.
        undivided: its files do not name their split.
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

    @abstractmethod
    def listed(self, source: Source, split: str) -> Sequence[str]:
        """The languages that it may have there, ISO 639-3 with a script where it needs one."""

    @abstractmethod
    def files(self, language: str, split: str) -> Sequence[str]:
        """What a language is read from in a clone: files, or folders, below the data folder.

        Args:
            language: in the benchmark's own code; where the clone decides which there are, also `*` for all.
            split: `dev` or `test`.
        """

    def languages(self, source: Source, split: str) -> Sequence[str]:
        """The languages that it has there."""
        return [code for code in self.listed(source, split) if source.has(self.files(code, split))]

    def sources(self, folder: Path | None, hub: Hub) -> list[Source]:
        """Where its data may be, what is preferred first."""
        return [*([Source(folder, hub)] if folder else []), *([Source(None, hub)] if self.hub_id else [])]

    @abstractmethod
    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read the data.

        Args:
            languages: some of its own.
            split: `dev` or `test`.
            source: where from.

        Raises:
            EvaluationError: data is missing or does not fit.
        """

    @property
    def obtain(self) -> str:
        """How to get a clone."""
        return f"git clone {self.url} into the data folder"

    def obtain_for(self, languages: Sequence[str]) -> str:
        """How to get a clone of some languages, where they are in several places."""
        return self.obtain

    def select(self, wanted: Sequence[str], split: str, source: Source) -> tuple[list[str], list[str]]:
        """Of the languages wanted: those it has, in its own codes, and those it lacks."""
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
        """Refuse a split that it does not have there.

        Raises:
            NothingToScoreError: says which it has.
        """
        if split not in self.splits and not (self.undivided and source.folder is not None):
            where = " on the Hub" if self.undivided else ""
            raise NothingToScoreError(f"it has no {split} split{where}, only {', '.join(self.splits)}")


class Coded(Benchmark):
    """A benchmark that lists its languages under codes of its own.

    Attributes:
        codes: ISO 639-3 to the benchmark's code.
        not_on_hub: those that its dataset on the Hub lacks.
    """

    codes: ClassVar[Mapping[str, str]]
    not_on_hub: ClassVar[frozenset[str]] = frozenset()

    def listed(self, source: Source, split: str) -> Sequence[str]:
        """All."""
        return list(self.codes)

    def languages(self, source: Source, split: str) -> Sequence[str]:
        """Those whose files are there, or that the Hub has."""
        lacking = self.not_on_hub if source.folder is None else ()
        return [code for code in super().languages(source, split) if code not in lacking]

    def require(self, languages: Sequence[str]) -> None:
        """Refuse a language that it does not list.

        Raises:
            EvaluationError: lists those it has.
        """
        if missing := [code for code in languages if code not in self.codes]:
            raise EvaluationError(f"{self.name} has no {missing[0]!r}; it has {', '.join(self.codes)}")
