"""What a visitor did that cannot be done, told in one line."""

from adapters_hub.errors import AdaptersHubError


class DemoError(AdaptersHubError):
    """What was expected, what was found, what to do."""
