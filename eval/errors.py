"""Errors that a user can make in an evaluation, each reported in one line."""

from __future__ import annotations

from adapters_hub.errors import AdaptersHubError


class EvaluationError(AdaptersHubError):
    """Data is missing or invalid, an encoder cannot be scored, or results cannot be compared."""


class MissingDataError(EvaluationError):
    """A source lacks data that a benchmark needs; another source may have it."""


class NothingToScoreError(MissingDataError):
    """A benchmark has nothing in the requested split or languages, so getting more of its data would not help."""
