"""Call the Hugging Face Hub: try again while it is busy, and report errors in one line."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import httpx2
from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from adapters_hub.errors import AdaptersHubError
from adapters_hub.hub.bounds import BusyError, bounded
from adapters_hub.hub.hub import HubError, HubUnreachableError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

PATIENCE_VARIABLE = "MSE_HUB_PATIENCE"
_PATIENCE = 330.0  # seconds; the Hub limits the number of requests in five minutes
_WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds between tries if the Hub does not say how long to wait
_CONFLICT = 412
_SHOWN = 300  # characters of a server's message
_NETWORK = (HfHubHTTPError, OfflineModeIsEnabled, HubError, httpx2.HTTPError)


class RacedError(HubError):
    """Someone else pushed to the branch after its head was read."""


class _PassingError(Exception):
    """An error that may be gone at the next try."""

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


def ask(
    what: str,
    call: Callable[Arguments, Result],
    *arguments: Arguments.args,
    **options: Arguments.kwargs,
) -> Result:
    """Call the Hub's API, and try again while it is busy or broken.

    Args:
        what: name of what is requested, for messages.
        call: the function of `huggingface_hub` to call.
        arguments: its positional arguments.
        options: its keyword arguments.

    Raises:
        HubUnreachableError: the Hub does not answer, or not within bounds.
        RacedError: someone else pushed a commit in the meantime.
        HubError: the Hub refuses.
    """
    return ask_for_file(what, None, call, *arguments, **options)


def ask_for_file(
    what: str,
    file_bytes: int | None,
    call: Callable[Arguments, Result],
    *arguments: Arguments.args,
    **options: Arguments.kwargs,
) -> Result:
    """Call the Hub for a file of `file_bytes` bytes, and accept no more; otherwise as `ask`."""
    patience = _patience()
    waits = iter(_WAITS)
    while True:
        try:
            with bounded(file_bytes):
                return _call(what, call, *arguments, **options)
        except _PassingError as error:
            told = error.seconds is not None
            wait = error.seconds if error.seconds is not None else next(waits, None)
            if wait is None or wait > patience:
                hint = f"in {wait:.0f} s, as it asks" if told and wait is not None else "later"
                raise HubUnreachableError(f"{what}: {ENDPOINT} {error}: try again {hint}") from error.__cause__
            logger.warning("%s %s; trying again in %.1f s", ENDPOINT, error, wait)
            wait = max(wait, 0.5)  # the Hub may ask for a wait of 0 s, again and again
            patience -= wait
            time.sleep(wait)


def one_line(error: Exception) -> str:
    """The message of an error, in one line."""
    return shortened(str(error)) or type(error).__name__


def shortened(text: str) -> str:
    """A server's message without line breaks, cut to the length of a line."""
    line = " ".join(text[: 4 * _SHOWN].split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]} …"


def _call(
    what: str, call: Callable[Arguments, Result], *arguments: Arguments.args, **options: Arguments.kwargs
) -> Result:
    """Call once, and turn every error into a `HubError` or a `_PassingError`."""
    try:
        return call(*arguments, **options)
    except Exception as error:
        inner = error.__cause__  # the client wraps errors of an upload, and before a download
        told = _told(what, inner if isinstance(inner, _NETWORK) and not isinstance(error, _NETWORK) else error)
        if told is error:
            raise
        raise told from error


def _told(what: str, error: Exception) -> Exception:
    match error:
        case BusyError():
            return _PassingError(f"answers {error.status}", error.seconds)
        case HubUnreachableError():
            return HubUnreachableError(f"{what}: {error}: try again later")
        case AdaptersHubError():
            return (
                error if isinstance(error, HubError) and str(error).startswith(what) else HubError(f"{what}: {error}")
            )
        case RepositoryNotFoundError() | GatedRepoError():
            return HubError(
                f"{what} is not on {ENDPOINT}, or it is private or gated and you are not logged in as someone who may "
                "see it: check the name, or run hf auth login"
            )
        case RevisionNotFoundError():
            return HubError(f"{what}: {ENDPOINT} has this repo, but not this revision")
        case HfHubHTTPError():
            return _refused(what, error)
        case OfflineModeIsEnabled():
            return HubUnreachableError(f"{what}: {ENDPOINT} is not asked while HF_HUB_OFFLINE is set")
        case EntryNotFoundError():
            return HubUnreachableError(f"{what}: {one_line(error)}")
        # The answer may come from a login page, another server, or a malicious one.
        case json.JSONDecodeError() | UnicodeDecodeError() | RecursionError():
            return _not_the_hub(what)
        case TypeError() | LookupError() | AttributeError() | AssertionError():
            return _not_the_hub(what)
        case ValueError():  # the Hub's reason to refuse a card
            return HubError(f"{what}: {ENDPOINT} refused: {one_line(error)}")
        case httpx2.TimeoutException():
            return _PassingError("did not answer in time")
        case httpx2.ConnectError() | httpx2.UnsupportedProtocol() | httpx2.ProxyError():
            # A dropped connection is worth another try; a Hub that cannot be reached at all is not.
            return HubUnreachableError(f"{what}: {ENDPOINT} cannot be reached ({one_line(error)}): try again later")
        case httpx2.TooManyRedirects():
            return HubUnreachableError(f"{what}: {ENDPOINT} redirects in a circle: look for a proxy in between")
        case OSError() if error.errno is not None:  # an error of this machine's disk, not of the network
            return HubError(f"{what}: {error.strerror}: {error.filename or HF_HUB_CACHE}")
        case httpx2.HTTPError() | httpx2.InvalidURL() | OSError() | RuntimeError():
            return _PassingError(f"cannot be reached ({one_line(error)})")
    return error


def _refused(what: str, error: HfHubHTTPError) -> Exception:
    status = error.response.status_code
    if status == _CONFLICT:
        return RacedError(what)
    if status == 401:
        return HubError(
            f"{what}: {ENDPOINT} asks for a token, or does not accept yours (401): run hf auth login, or set HF_TOKEN "
            "anew"
        )
    if status == 403:
        return HubError(f"{what}: {ENDPOINT} denies access (403): run hf auth login with a token that may write there")
    if status >= 500:
        return _PassingError(f"answers {status}")
    return HubError(f"{what}: {ENDPOINT} refused ({status}): {shortened(error.server_message or str(error))}")


def _not_the_hub(what: str) -> HubUnreachableError:
    return HubUnreachableError(
        f"{what}: what answers at {ENDPOINT} is not the Hub: look for a proxy or a login page in between"
    )


def _patience() -> float:
    """Seconds to wait for a busy Hub, summed over all tries of one request."""
    given = os.environ.get(PATIENCE_VARIABLE, "").strip() or str(_PATIENCE)
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise HubError(
            f"{PATIENCE_VARIABLE} is {given[:40]!r}: expected the seconds to wait for a busy Hub, such as 60"
        )
    return seconds
