"""Results on disk: one JSON file per encoder, benchmark and split."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import write_text
from adapters_hub.reading import read_json
from eval.benchmarks import origin
from eval.errors import EvaluationError
from eval.tasks.figure import Figure

FORMAT = 1
RESULTS = "results"
"""Subfolder of an evaluation's folder; it holds one folder per encoder."""

_DEPTHS = ("*.json", "*/*.json", f"{RESULTS}/*/*.json")


@dataclass
class Result:
    """The result of one encoder on one split of one benchmark.

    Attributes:
        kind: `base`, `modules` or `aligned`.
        dataset: the benchmark's Hub id, or its repository.
        identity: everything that the figures depend on; a run with the same identity need not be repeated.
        facts: facts about the encoder and the run: versions, commit, time, speed.
        histograms: `parallel` and `random`, the share of pairs in each cosine bin; `bins`, the bin edges.
    """

    encoder: str
    kind: str
    benchmark: str
    title: str
    task: str
    dataset: str
    split: str
    languages: list[str]
    figures: list[Figure]
    identity: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    histograms: dict[str, list[float]] = field(default_factory=dict)

    def mean(self, name: str) -> Figure | None:
        """The mean over languages of one kind of figure; None if there is none."""
        return next((figure for figure in self.figures if figure.name == name and not figure.languages), None)

    @property
    def heading(self) -> str:
        """Heading for a plot: title and split."""
        return f"{self.title}, {self.split}"

    @property
    def origin(self) -> str:
        """Where the data came from: a clone, or a Hub dataset with its revision."""
        return origin(self.identity.get("data", {}))

    def of(self, name: str) -> list[Figure]:
        """The figures of one kind, one per language or pair of languages."""
        return [figure for figure in self.figures if figure.name == name and figure.languages]

    def write(self, folder: Path) -> Path:
        """Write the result into an evaluation's folder atomically."""
        path = result_path(folder, self.encoder, self.benchmark, self.split)
        values = {"format": FORMAT, **{key: value for key, value in vars(self).items() if key != "figures"}}
        values["figures"] = [_figure_record(figure) for figure in self.figures]
        write_text(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> Result:
        """Read a file that `write` wrote.

        Raises:
            EvaluationError: the file is not a result.
        """
        try:
            values = read_json(path)
            if values.pop("format") != FORMAT:
                raise ValueError("unknown format version")
            figures = [_figure(record) for record in values.pop("figures")]
            return cls(figures=figures, **values)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EvaluationError(f"{path} is not a result of an evaluation ({error}): run it again") from error


def result_path(folder: Path, encoder: str, benchmark: str, split: str) -> Path:
    """Path of an encoder's result on a benchmark's split within an evaluation's folder."""
    return folder / RESULTS / _safe(encoder) / f"{benchmark}-{split}.json"


def check_names(encoders: Iterable[str]) -> None:
    """Check that every encoder has its own name in tables and its own folder on disk.

    Raises:
        EvaluationError: two encoders share a name, or their names map to the same folder.
    """
    taken: dict[str, str] = {}
    for name in encoders:
        if (folder := _safe(name)) in taken:
            called = repr(name) if taken[folder] == name else f"{taken[folder]!r} and {name!r}, which is one folder"
            raise EvaluationError(f"two encoders are called {called}: give them different names with --encoder NAME=…")
        taken[folder] = name


def _safe(encoder: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", encoder).strip("._") or "encoder"


def read_results(places: Sequence[Path]) -> list[Result]:
    """Read all results in folders or files; those of a folder come in the order in which they were finished.

    Raises:
        EvaluationError: there are no results.
    """
    results: list[Result] = []
    for place in places:
        inner = [path for depth in _DEPTHS for path in place.glob(depth) if not path.name.startswith((".", "_"))]
        files = [place] if place.is_file() else sorted(inner)
        found = [Result.read(path) for path in files if _is_result(path)]
        results += sorted(found, key=lambda result: str(result.facts.get("finished", "")))
    if not results:
        raise EvaluationError(
            f"no results in {', '.join(map(str, places))}: make some with python -m eval run --encoder …"
        )
    return results


def _is_result(path: Path) -> bool:
    try:
        values = read_json(path)
    except AdaptersHubError:
        return False
    return isinstance(values, dict) and "figures" in values and "format" in values


def _figure_record(figure: Figure) -> dict[str, Any]:
    low, high = figure.interval
    record = {
        "name": figure.name,
        "languages": list(figure.languages),
        "metric": figure.metric,
        "value": round(figure.value, 6),
        "interval": [round(low, 6), round(high, 6)],
        "size": figure.size,
        "modules": list(figure.modules),
    }
    if not figure.languages:
        # Means keep their resampled values, because encoders are compared by them.
        record["samples"] = base64.b64encode(figure.samples.astype("<f4").tobytes()).decode()
    return record


def _figure(record: dict[str, Any]) -> Figure:
    packed = base64.b64decode(record.get("samples", ""))
    return Figure(
        record["name"],
        record["metric"],
        record["value"],
        np.frombuffer(packed, dtype="<f4").astype(np.float64),
        record["size"],
        tuple(record["languages"]),
        tuple(record["modules"]),
        (record["interval"][0], record["interval"][1]),
    )
