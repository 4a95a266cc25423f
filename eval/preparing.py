"""Finds the data of each benchmark of a run, and records which benchmarks are left out and why."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.benchmarks import Benchmark, Source, origin
from eval.benchmarks.data import Data
from eval.benchmarks.hub import Hub
from eval.errors import EvaluationError, MissingDataError, NothingToScoreError
from eval.languages import same_language

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A benchmark that can be scored: its data in the languages to score, in its own codes, and where it came from."""

    benchmark: Benchmark
    languages: list[str]
    data: Data
    source: Source


def prepare(
    benchmarks: Sequence[Benchmark], split: str, folder: Path | None, wanted: Sequence[str] | None, named: bool
) -> tuple[list[Prepared], dict[str, str]]:
    """Read the data of benchmarks, each from a clone in the data folder, else from the Hub.

    The log says which source is used and what is left out, before anything is computed.

    Args:
        benchmarks: the benchmarks to score.
        split: the split.
        folder: folder with clones; None: use the Hub alone.
        wanted: languages to score; None: all that each benchmark has.
        named: whether the user named these languages, so that the log lists those that a benchmark lacks.

    Returns:
        The benchmarks that can be scored, and the names of those that are left out with the reason.

    Raises:
        EvaluationError: nothing can be scored, no benchmark has a language that was named, or data is invalid.
    """
    hub = Hub()
    if named:
        _check_languages(benchmarks, split, folder, wanted or (), hub)
    logger.info("data: %s", f"{folder}, and the Hub for what it lacks" if folder else "from the Hub")
    prepared: list[Prepared] = []
    left_out: dict[str, str] = {}
    for benchmark in benchmarks:
        try:
            found = _prepare(benchmark, split, folder, wanted, hub)
        except MissingDataError as error:
            left_out[benchmark.name] = str(error)
            continue
        prepared.append(found)
        logger.info("%s: %s; from %s", benchmark.name, ", ".join(found.languages), origin(found.source.read))
        _say_what_lacks(found, split, wanted, named)
    if not prepared and len(benchmarks) == 1:
        raise EvaluationError("; ".join(f"{name}: {reason}" for name, reason in left_out.items()))
    for name, reason in left_out.items():
        logger.warning("%s is left out: %s", name, reason)
    if not prepared:
        raise EvaluationError("nothing can be scored: the lines above say what is missing")
    return prepared, left_out


@contextlib.contextmanager
def named_after(benchmark: Benchmark) -> Iterator[None]:
    """Put the benchmark's name before an error message, because a run has several benchmarks."""
    try:
        yield
    except MissingDataError:
        raise
    except EvaluationError as error:
        raise EvaluationError(f"{benchmark.name}: {error}") from error


def _check_languages(
    benchmarks: Sequence[Benchmark], split: str, folder: Path | None, wanted: Sequence[str], hub: Hub
) -> None:
    """Refuse a language that no benchmark would have even with all its data present."""
    known = {
        code
        for benchmark in benchmarks
        for source in (*benchmark.sources(folder, hub), Source(None, hub))
        for code in (*benchmark.listed(source, split), *benchmark.languages(source, split))
    }
    if lacking := [code for code in wanted if not any(same_language(code, name) for name in known)]:
        raise EvaluationError(
            f"none of {', '.join(benchmark.name for benchmark in benchmarks)} has {', '.join(lacking)}: "
            "python -m eval benchmarks lists the languages of each"
        )


def _prepare(benchmark: Benchmark, split: str, folder: Path | None, wanted: Sequence[str] | None, hub: Hub) -> Prepared:
    """The benchmark with the data of the first source that has it.

    Raises:
        MissingDataError: no source has the data; the message gives each reason, and how to get the data if that helps.
    """
    reasons, helps = [], benchmark.hub_id is None
    for source in benchmark.sources(folder, hub):
        try:
            with named_after(benchmark):
                languages = _languages(benchmark, split, source, wanted)
                return Prepared(benchmark, languages, benchmark.load(languages, split, source), source)
        except MissingDataError as error:
            reasons.append(str(error))
            helps = helps if isinstance(error, NothingToScoreError) else True
    if benchmark.hub_id is None:
        reasons.append("it is not on the Hub")
    if helps:
        listed = [code for code in benchmark.listed(Source(None, hub), split) if _among(code, wanted)]
        reasons.append(benchmark.obtain_for(listed) + ("" if folder else ", and name that with --data FOLDER"))
    raise MissingDataError("; ".join(dict.fromkeys(reasons)))


def _languages(benchmark: Benchmark, split: str, source: Source, wanted: Sequence[str] | None) -> list[str]:
    benchmark.check_split(split, source)
    own = benchmark.languages(source, split)
    if not own:
        file = _file(benchmark, split, source, benchmark.listed(source, split))
        raise MissingDataError(f"the data folder has no {file}")
    if wanted is None:
        return list(own)
    found, _ = benchmark.select(wanted, split, source)
    if not found:
        elsewhere = any(_among(code, wanted) for code in benchmark.listed(source, split))
        kind = MissingDataError if elsewhere else NothingToScoreError
        raise kind(f"it has none of {', '.join(wanted)}; it has {', '.join(own)}")
    return found


def _say_what_lacks(found: Prepared, split: str, wanted: Sequence[str] | None, named: bool) -> None:
    """Log the languages that a source lacks, those that the user named in vain, and a split that cannot be verified."""
    benchmark, source = found.benchmark, found.source
    there = benchmark.languages(source, split)
    absent = [code for code in benchmark.listed(source, split) if code not in there and _among(code, wanted)]
    if absent:
        why = "not on the Hub"
        if source.folder is not None:
            why = f"the data folder has no {_file(benchmark, split, source, absent)}"
        logger.warning("%s: %s left out, %s: %s", benchmark.name, ", ".join(absent), why, benchmark.obtain_for(absent))
    lacking = [code for code in wanted or () if not _among(code, [*there, *absent])]
    if named and lacking:
        logger.warning("%s lacks %s", benchmark.name, ", ".join(lacking))
    if benchmark.undivided and source.folder is not None:
        logger.warning("%s: its files do not say which split they belong to; treated as %s", benchmark.name, split)


def _file(benchmark: Benchmark, split: str, source: Source, languages: Sequence[str]) -> str:
    """The first missing file among those that the languages need."""
    files = (name for code in (*languages, "*") for name in benchmark.files(code, split))
    return next(name for name in files if not source.has([name]))


def _among(code: str, languages: Sequence[str] | None) -> bool:
    return languages is None or any(same_language(code, name) for name in languages)
