"""The error for a wrong recipe or command line."""

from __future__ import annotations

from adapters_hub.errors import AdaptersHubError


class SettingsError(AdaptersHubError):
    """A recipe or a command line has a setting that is wrong or cannot be used."""
