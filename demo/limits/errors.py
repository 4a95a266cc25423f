"""What a visitor did that cannot be done, told in one line."""

from __future__ import annotations

import logging
import re

from adapters_hub.errors import AdaptersHubError
from adapters_hub.hub import HubError, HubUnreachableError

logger = logging.getLogger(__name__)

# Everything up to the last part of a path from the root of a disk.
_ABOVE = re.compile(r"(?<![\w.:~/\\-])(?:[A-Za-z]:)?(?:[\\/][^\s\\/:'\"<>|,;()]+)+(?=[\\/])")


class DemoError(AdaptersHubError):
    """What was expected, what was found, what to do."""


def for_visitors(error: Exception) -> str:
    """An error as people from elsewhere may read it; the owner reads all of it in the log.

    They learn no path of this machine, and of a hub not what else it holds.
    """
    if isinstance(error, DemoError):
        return without_places(str(error))
    logger.warning("a visitor was told of: %s", error)
    if isinstance(error, HubUnreachableError):
        return "the hub does not answer: try again later, or choose among the modules that are listed"
    if isinstance(error, HubError):
        return "the hub does not have this module, or not in this revision: choose among those that are listed"
    return without_places(str(error))


def without_places(text: str) -> str:
    """Text in which paths of this machine are cut down to their last part."""
    return _ABOVE.sub("…", text)
