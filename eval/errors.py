"""A user's mistake in an evaluation, told in one line."""

from __future__ import annotations

from adapters_hub.errors import AdaptersHubError


class EvaluationError(AdaptersHubError):
    """Data that is missing or does not fit, an encoder that cannot be scored, results that cannot be compared."""


class MissingDataError(EvaluationError):
    """A source does not have what a benchmark asks it for; another one may."""


class NothingToScoreError(MissingDataError):
    """A benchmark has nothing in the split or the languages that are asked for: more data of it would not help."""
