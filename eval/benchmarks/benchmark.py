"""What a benchmark is: data with a name, languages, a licence, a citation, and where to get it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from eval.benchmarks.data import Data
from eval.benchmarks.source import Source
from eval.errors import EvaluationError
from eval.languages import same_language

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
    def languages(self, source: Source, split: str) -> Sequence[str]:
        """The languages it has, ISO 639-3 with a script where it needs one."""

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

    def select(self, wanted: Sequence[str], split: str, source: Source) -> tuple[list[str], list[str]]:
        """Of the languages wanted: those it has, in its own codes, and those it lacks."""
        own = self.languages(source, split)
        found: list[str] = []
        lacking = []
        for code in wanted:
            matches = [name for name in own if same_language(name, code)]
            if matches:
                found.append(matches[0])
            else:
                lacking.append(code)
        return list(dict.fromkeys(found)), lacking

    def check_split(self, split: str, source: Source) -> None:
        """Refuse a split that it does not have.

        Raises:
            EvaluationError: says which it has.
        """
        if split not in self.splits and not (self.undivided and source.folder is not None):
            raise EvaluationError(f"{self.name} has no {split} split, only {', '.join(self.splits)}")


class Coded(Benchmark):
    """A benchmark that lists its languages under codes of its own.

    Attributes:
        codes: ISO 639-3 to the benchmark's code.
    """

    codes: ClassVar[Mapping[str, str]]

    def languages(self, source: Source, split: str) -> Sequence[str]:
        """All that it lists."""
        return list(self.codes)

    def require(self, languages: Sequence[str]) -> None:
        """Refuse a language that it does not list.

        Raises:
            EvaluationError: lists those it has.
        """
        if missing := [code for code in languages if code not in self.codes]:
            raise EvaluationError(f"{self.name} has no {missing[0]!r}; it has {', '.join(self.codes)}")
