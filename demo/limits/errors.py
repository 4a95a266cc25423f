"""Errors that visitors see, in one line."""

from __future__ import annotations

import logging
import re

from adapters_hub.errors import AdaptersHubError
from adapters_hub.hub import HubError, HubUnreachableError

logger = logging.getLogger(__name__)

# An absolute path without its last part.
_ABOVE = re.compile(r"(?<![\w.:~/\\-])(?:[A-Za-z]:)?(?:[\\/][^\s\\/:'\"<>|,;()]+)+(?=[\\/])")


class DemoError(AdaptersHubError):
    """A visitor's or an owner's mistake: what was expected, what was found, what to do."""


def for_visitors(error: Exception) -> str:
    """The message of an error for visitors; the log has all of it, for the owner.

    Visitors learn neither paths of this machine nor which other modules a hub has.
    """
    if isinstance(error, DemoError):
        return without_places(str(error))
    logger.warning("error in a visitor's request: %s", error)
    if isinstance(error, HubUnreachableError):
        return "the hub does not answer: try again later, or choose among the modules that are listed"
    if isinstance(error, HubError):
        return "the hub does not have this module or this revision of it: choose among those that are listed"
    return without_places(str(error))


def without_places(text: str) -> str:
    """Text in which absolute paths are reduced to their last part."""
    return _ABOVE.sub("…", text)
