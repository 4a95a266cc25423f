"""The library's exceptions: each reports a user's mistake in one line."""

from __future__ import annotations

import re

_LONGEST = 1500  # characters; text from somebody else's file must not fill a terminal, a log or a page
_TAIL = 300  # characters kept of the end, which says what to do
# Everything at which Python, terminals or log readers break a line, and characters that control a terminal.
_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f\x80-\x84\x86-\x9f]")


class AdaptersHubError(ValueError):
    """The base class of errors that a user can cause.

    The message is one line of bounded length: what was expected, what was found, what to do. Command lines print it
    without a traceback.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(one_line(str(message)))


class BaseEncoderError(AdaptersHubError):
    """A base encoder cannot be loaded or has an architecture that is not supported."""


class ModuleFormatError(AdaptersHubError):
    """A module folder is incomplete, damaged or tampered with."""


class NewerFormatError(ModuleFormatError):
    """A module folder has a newer format version: the library needs an upgrade."""


class CompositionError(AdaptersHubError):
    """Modules do not belong together: one was made for another base, pivot or language module."""


class InputTextError(AdaptersHubError):
    """Sentences or languages cannot be encoded."""


def one_line(text: str) -> str:
    """The text without line breaks and control characters; a long text loses its middle."""
    if len(text) > 4 * _LONGEST:  # shorten it before searching all of it
        text = f"{text[: 2 * _LONGEST]} … {text[-2 * _LONGEST :]}"
    text = _CONTROL.sub("\ufffd", _BREAKS.sub(" ", text))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - _TAIL]} … {text[-_TAIL:]}"


def first_line(error: Exception) -> str:
    """The first line of another library's message, to quote in ours."""
    return str(error).strip().split("\n")[0]
