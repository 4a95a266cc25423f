"""Errors for wrong training data."""

from __future__ import annotations

from adapters_hub.errors import AdaptersHubError


class DataError(AdaptersHubError):
    """Training data is missing or unreadable, or has other columns than expected."""


class LanguageMissing(DataError):
    """A source has nothing in the language; other sources may."""
