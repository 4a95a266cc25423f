"""Scores, which evaluations write and which cards, manifests and tables show; nobody types them by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from adapters_hub.errors import AdaptersHubError
from adapters_hub.json_files import load_json

Encoder = Literal["base", "modules", "aligned"]

_LARGEST_REPORT = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Score:
    """One score of one encoder.

    Attributes:
        task: the task, by its name on the Hub: `sentence-similarity`, `translation-retrieval`.
        benchmark: display name of the benchmark.
        dataset: Hub id or a short identifier of the data.
        split: `dev` or `test`.
        languages: one for a score within a language, two for a cross-lingual one.
        metric: `spearman`, `accuracy`, `xsim_error` (lower is better), `rsim`.
        value: the score in percent; for `rsim`, a correlation.
        encoder: `base` for the untouched base, `modules` for language modules, `aligned` for these with alignment on.
        modules: fingerprints of all modules that the score depends on; empty for the base.
        interval: lower and upper end of the 95% confidence interval, if there is one.
        size: number of items that were scored.
    """

    task: str
    benchmark: str
    dataset: str
    split: str
    languages: tuple[str, ...]
    metric: str
    value: float
    encoder: Encoder
    modules: tuple[str, ...] = ()
    interval: tuple[float, float] | None = None
    size: int | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read the score from a record of a report or a manifest.

        Raises:
            AdaptersHubError: fields are missing, unknown or of the wrong type.
        """
        try:
            interval = record.get("interval")
            values = dict(record) | {
                "languages": tuple(str(code) for code in record["languages"]),
                "modules": tuple(str(fingerprint) for fingerprint in record.get("modules", ())),
                "value": float(record["value"]),
                "interval": (float(interval[0]), float(interval[1])) if interval else None,
            }
            score = cls(**values)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            raise AdaptersHubError(f"not a score: {error!r}") from error
        texts = (score.task, score.benchmark, score.dataset, score.split, score.metric, score.encoder)
        if not all(isinstance(text, str) for text in texts) or not isinstance(score.size, int | None):
            raise AdaptersHubError(
                f"not a score: expected text for the task, benchmark and metric and a number for the size, "
                f"found {(*texts, score.size)}"
            )
        return score

    @property
    def places(self) -> int:
        """Decimal places that are shown: one for percentages, three for correlations from 0 to 1."""
        return 3 if self.metric == "rsim" else 1

    @property
    def text(self) -> str:
        """The value as text, rounded to `places`."""
        return f"{self.value:.{self.places}f}"

    def to_record(self) -> dict[str, Any]:
        """The score as plain values for JSON."""
        return dataclasses.asdict(self)


def read_scores(path: Path) -> list[Score]:
    """Read the scores of a report, a JSON object whose `scores` is a list of records.

    Raises:
        AdaptersHubError: the file is not such a report.
    """
    try:
        records = load_json(path, _LARGEST_REPORT)["scores"]
        return [Score.from_record(record) for record in records]
    except (ValueError, KeyError, TypeError) as error:
        raise AdaptersHubError(
            f"{path} is not a report of an evaluation with 'scores' ({error}): make one with python -m eval run"
        ) from error


def score_table(scores: Iterable[Score]) -> tuple[list[str], dict[tuple[str, str, str, str], dict[str, Score]]]:
    """The encoders that have scores, and their scores by benchmark, languages, split and metric."""
    rows: dict[tuple[str, str, str, str], dict[str, Score]] = {}
    for score in scores:
        key = (score.benchmark, "-".join(score.languages), score.split, score.metric)
        rows.setdefault(key, {})[score.encoder] = score
    return [name for name in get_args(Encoder) if any(name in row for row in rows.values())], rows
