"""The one exception family of the library: a user's mistake, told in one line."""


class AdaptersHubError(ValueError):
    """Something given to the library does not fit.

    The message is one line: what was expected, what was found, what to do. Command lines print it alone, without
    a traceback.
    """


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
