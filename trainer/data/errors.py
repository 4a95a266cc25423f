"""What is wrong with training data."""

from __future__ import annotations

from adapters_hub.errors import AdaptersHubError


class DataError(AdaptersHubError):
    """Training data that is missing, unreadable or has other columns than expected."""
