"""The one exception family of the library: a user's mistake, told in one line."""

from __future__ import annotations

import re

_LONGEST_VALUE = 200
_LONGEST_MESSAGE = 2000
_QUOTED = re.compile(rf"(?<!\w)'[^']{{{_LONGEST_VALUE},}}'(?!\w)|(?<!\w)\"[^\"]{{{_LONGEST_VALUE},}}\"(?!\w)")
_BREAK = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


class AdaptersHubError(ValueError):
    """Something given to the library does not fit.

    The message is one line: what was expected, what was found, what to do. Command lines print it alone, without
    a traceback. What it quotes may come from anywhere: line breaks become spaces, and long values lose their middle.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(_in_one_line(str(message)))


def _in_one_line(message: str) -> str:
    line = _BREAK.sub(" ", _QUOTED.sub(lambda quoted: _shortened(quoted[0], _LONGEST_VALUE), message))
    return _shortened(line, _LONGEST_MESSAGE)


def _shortened(text: str, length: int) -> str:
    """The beginning and the end, which says what to do."""
    return text if len(text) <= length else f"{text[: length * 2 // 3]} … {text[-(length // 3) :]}"


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
