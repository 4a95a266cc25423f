"""Score encoders on benchmarks, with cached vectors; each result is written at once, so that a run can resume."""

from __future__ import annotations

import logging
import platform
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from adapters_hub.requirements import versions
from eval.benchmarks import Benchmark
from eval.benchmarks.data import Bitext, Data
from eval.bootstrap import RESAMPLES
from eval.encoders import CachedEncoder, Encoder
from eval.errors import EvaluationError
from eval.languages import PAPER, same_language
from eval.preparing import Prepared, named_after, prepare
from eval.results import Result, check_names, result_path
from eval.tasks import score

logger = logging.getLogger(__name__)

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "tokenizers", "sentence-transformers")
_SCORING = 2
"""Version of the scoring. Raise it when the same data and vectors give different figures, so that earlier results
are not reused."""
_BINS = np.linspace(-1, 1, 101)


@dataclass(frozen=True)
class Run:
    """What a run scores, and how: the options of `python -m eval run` of the same names.

    Without `data` everything comes from the Hub, and without `cache` vectors are kept in memory only.
    """

    benchmarks: Sequence[Benchmark]
    split: str
    output: Path
    languages: Sequence[str] | None = None
    data: Path | None = None
    cache: Path | None = None
    resamples: int = RESAMPLES
    seed: int = 0
    again: bool = False


@dataclass(frozen=True)
class Outcome:
    """The results by encoder and benchmark, in this order, and the reasons why benchmarks could not be scored."""

    results: list[Result]
    left_out: dict[str, str]


def run(encoders: Iterable[Encoder], settings: Run) -> Outcome:
    """Score each encoder on each benchmark whose data is available.

    Each result is written as soon as it is computed, so a stopped run continues where it was. An existing result for
    the same encoder, data and settings is reused.

    Args:
        encoders: encoders with different names. An iterator can open them one by one; its caller then checks the
            names with `check_names`.
        settings: what to score, and how.

    Raises:
        EvaluationError: two encoders have the same name, nothing can be scored, no benchmark has a language that was
            named, the encoders have no language in common, or data is invalid.
    """
    named = settings.languages is not None and list(settings.languages) != ["all"]
    wanted = settings.languages if named else None
    if not named:
        encoders = list(encoders)  # all are needed to find the shared languages, without which means are not comparable
        wanted = _shared_languages(encoders) or (PAPER if settings.languages is None else None)
    if isinstance(encoders, Sequence):
        check_names(encoder.name for encoder in encoders)
    prepared, left_out = prepare(settings.benchmarks, settings.split, settings.data, wanted, named)
    results = []
    for encoder in encoders:
        cached = CachedEncoder(encoder, settings.cache, show_progress=True)
        progress = tqdm(prepared, unit="benchmark", desc=encoder.name)
        for one in progress:
            progress.set_postfix_str(one.benchmark.name)
            results.append(_score(cached, one, settings))
            cached.forget()
    return Outcome(results, left_out)


def _shared_languages(encoders: Sequence[Encoder]) -> list[str] | None:
    """The languages that all encoders support; None if every encoder takes any language."""
    each = [own for encoder in encoders if (own := encoder.languages()) is not None]
    if not each:
        return None
    shared = [code for code in each[0] if all(any(same_language(code, name) for name in own) for own in each)]
    if not shared:
        have = "; ".join(f"{encoder.name}: {', '.join(encoder.languages() or ['any'])}" for encoder in encoders)
        raise EvaluationError(f"the encoders have no language in common ({have}): score them one by one")
    return shared


def _score(cached: CachedEncoder, prepared: Prepared, settings: Run) -> Result:
    encoder, benchmark, languages = cached.encoder, prepared.benchmark, prepared.languages
    _check_modules(encoder, languages)
    identity = _identity(encoder, prepared, settings)
    path = result_path(settings.output, encoder.name, benchmark.name, settings.split)
    if path.is_file() and not settings.again:
        earlier = Result.read(path)
        if earlier.encoder != encoder.name:  # names that differ only in special characters share a folder
            raise EvaluationError(
                f"{path} holds the results of {earlier.encoder!r}, not of {encoder.name!r}: "
                "give the encoder another name with --encoder NAME=…"
            )
        if earlier.identity == identity:
            logger.info("%s: %s has been scored already: skipped", encoder.name, benchmark.name)
            return earlier
    begin, encoded, seconds = time.perf_counter(), cached.encoded, cached.seconds
    with named_after(benchmark):
        figures = score(prepared.data, cached, settings.resamples, settings.seed)
    encoded, seconds = cached.encoded - encoded, cached.seconds - seconds
    result = Result(
        encoder=encoder.name,
        kind=encoder.kind,
        benchmark=benchmark.name,
        title=benchmark.title,
        task=benchmark.task,
        dataset=benchmark.hub_id or benchmark.url,
        split=settings.split,
        languages=list(languages),
        figures=figures,
        identity=identity,
        facts={
            "encoder": encoder.describe(),
            "seconds": round(time.perf_counter() - begin, 2),
            "sentences_encoded": encoded,
            "sentences_per_second": round(encoded / seconds, 1) if encoded else None,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": _commit(),
            "versions": {"python": platform.python_version(), **versions(_LIBRARIES)},
        },
        histograms=_histograms(prepared.data, cached),
    )
    result.write(settings.output)
    return result


def _check_modules(encoder: Encoder, languages: Sequence[str]) -> None:
    own = encoder.languages()
    without = [code for code in languages if own is not None and not any(same_language(code, name) for name in own)]
    if without:
        raise EvaluationError(
            f"{encoder.name} has no module of {', '.join(without)} (it has {', '.join(own or ())}): add it, or leave "
            "the language out"
        )


def _identity(encoder: Encoder, prepared: Prepared, settings: Run) -> dict[str, Any]:
    """Everything that the figures depend on."""
    vectors = {code: [encoder.fingerprint(code, across) for across in (False, True)] for code in prepared.languages}
    return {
        "vectors": vectors if len({tuple(pair) for pair in vectors.values()}) > 1 else next(iter(vectors.values())),
        "data": prepared.source.read,
        "languages": list(prepared.languages),
        "split": settings.split,
        "resamples": settings.resamples,
        "seed": settings.seed,
        "scoring": _SCORING,
    }


def _histograms(data: Data, cached: CachedEncoder) -> dict[str, list[float]]:
    """Histograms of the cosines of translations (`parallel`) and of unrelated sentences (`random`)."""
    if not isinstance(data, Bitext):
        return {}
    parallel, random = np.zeros(len(_BINS) - 1), np.zeros(len(_BINS) - 1)
    for (a, b), (one, other) in data.pairs.items():
        x, y = cached(one, a, across=True), cached(other, b, across=True)
        parallel += np.histogram(np.einsum("nd,nd->n", x, y), _BINS)[0]
        random += np.histogram(np.einsum("nd,nd->n", x, np.roll(y, len(y) // 2, axis=0)), _BINS)[0]
    return {
        "bins": _BINS.round(4).tolist(),
        "parallel": (parallel / parallel.sum()).round(6).tolist(),
        "random": (random / random.sum()).round(6).tolist(),
    }


def _commit() -> str | None:
    """The commit of the project's checkout, marked if it has changes; None outside a checkout."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
