"""What is wrong with a recipe or a command line."""

from __future__ import annotations

from adapters_hub.errors import AdaptersHubError


class SettingsError(AdaptersHubError):
    """A recipe or a command line that does not fit."""
