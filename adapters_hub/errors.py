"""The one exception family of the library: a user's mistake, told in one line."""

from __future__ import annotations

import re

_LONGEST = 1500  # characters; what a file of somebody else's holds must not fill a terminal, a log or a page
_TAIL = 300  # the end says what to do
# All at which Python, terminals or log readers break a line, and the escape that steers a terminal.
_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f\x80-\x84\x86-\x9f]")


class AdaptersHubError(ValueError):
    """Something given to the library does not fit.

    The message is one line of bounded length: what was expected, what was found, what to do. Command lines print it
    alone, without a traceback.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(one_line(str(message)))


class BaseEncoderError(AdaptersHubError):
    """A base encoder cannot be loaded or has an architecture that is not supported."""


class ModuleFormatError(AdaptersHubError):
    """A module folder is incomplete, damaged or tampered with."""


class NewerFormatError(ModuleFormatError):
    """A module folder written by a newer format version: what is wrong is the library."""


class CompositionError(AdaptersHubError):
    """Modules that do not belong together: another base, another pivot, another language module."""


class InputTextError(AdaptersHubError):
    """Sentences or languages that cannot be encoded."""


def one_line(text: str) -> str:
    """The text without line breaks and control characters, its middle left out if it is long."""
    if len(text) > 4 * _LONGEST:  # before anything goes through all of it
        text = f"{text[: 2 * _LONGEST]} … {text[-2 * _LONGEST :]}"
    text = _CONTROL.sub("\ufffd", _BREAKS.sub(" ", text))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - _TAIL]} … {text[-_TAIL:]}"
