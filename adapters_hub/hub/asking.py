"""Call the Hugging Face Hub: try again while it is busy, and report errors in one line."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from typing import TypeVar

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
from adapters_hub.hub.bounds import TransientError, bounded
from adapters_hub.hub.hub import HubError, HubUnreachableError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

PATIENCE_VARIABLE = "MSE_HUB_PATIENCE"
_PATIENCE = 330.0  # seconds; the Hub limits the number of requests in five minutes
_WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds between tries if the Hub does not say how long to wait
_SHOWN = 300  # characters of a server's message
_NETWORK = (HfHubHTTPError, OfflineModeIsEnabled, HubError, httpx2.HTTPError)


class RacedError(HubError):
    """Someone else pushed to the branch after its head was read."""


def ask(what: str, call: Callable[[], Result], file_bytes: int | None = None) -> Result:
    """Call the Hub, and try again while it is busy or broken; messages name `what`. For `file_bytes` see `bounded`.

    Raises:
        HubUnreachableError: the Hub does not answer, or not within bounds.
        RacedError: someone else pushed a commit in the meantime.
        HubError: the Hub refuses.
    """
    patience = _patience()
    waits = iter(_WAITS)
    while True:
        try:
            with bounded(file_bytes):
                return call()
        except Exception as error:
            inner = error.__cause__  # the client wraps errors of an upload, and before a download
            cause = inner if isinstance(inner, _NETWORK) and not isinstance(error, _NETWORK) else error
            told = _told(what, cause)
            if told is None:
                raise
            if not isinstance(told, TransientError):
                raise told from error
            wait = next(waits, None) if told.seconds is None else told.seconds
            if wait is None or wait > patience:
                hint = "later" if told.seconds is None else f"in {told.seconds:.0f} s, as it asks"
                raise HubUnreachableError(f"{what}: {told}: try again {hint}") from error
        logger.warning("%s; trying again in %.1f s", told, wait)
        wait = max(wait, 0.5)  # the Hub may ask for a wait of 0 s, again and again
        patience -= wait
        time.sleep(wait)


def shortened(said: object) -> str:
    """An error, or a server's message, in one line of limited length."""
    line = " ".join(str(said)[: 4 * _SHOWN].split()) or type(said).__name__
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]} …"


def _told(what: str, error: Exception) -> HubError | None:
    """The error to report, or to try again after if it is a `TransientError`; None for an error of this program."""
    match error:
        case TransientError():
            return error
        case HubUnreachableError():
            return HubUnreachableError(f"{what}: {error}: try again later")
        case AdaptersHubError():
            return HubError(f"{what}: {error}")
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
            return HubUnreachableError(f"{what}: {shortened(error)}")
        # The answer may come from a login page, another server, or a malicious one.
        case (
            json.JSONDecodeError()
            | UnicodeDecodeError()
            | RecursionError()
            | TypeError()
            | LookupError()
            | AttributeError()
            | AssertionError()
        ):
            return HubUnreachableError(
                f"{what}: what answers at {ENDPOINT} is not the Hub: look for a proxy or a login page in between"
            )
        case ValueError():  # the Hub's reason to refuse a card
            return HubError(f"{what}: {ENDPOINT} refused: {shortened(error)}")
        case httpx2.TimeoutException():
            return TransientError(f"{ENDPOINT} did not answer in time")
        case httpx2.ConnectError() | httpx2.UnsupportedProtocol() | httpx2.ProxyError():
            # A dropped connection is worth another try; a Hub that cannot be reached at all is not.
            return HubUnreachableError(f"{what}: {ENDPOINT} cannot be reached ({shortened(error)}): try again later")
        case httpx2.TooManyRedirects():
            return HubUnreachableError(f"{what}: {ENDPOINT} redirects in a circle: look for a proxy in between")
        case OSError() if error.errno is not None:  # an error of this machine's disk, not of the network
            return HubError(f"{what}: {error.strerror}: {error.filename or HF_HUB_CACHE}")
        case httpx2.HTTPError() | httpx2.InvalidURL() | OSError() | RuntimeError():
            return TransientError(f"{ENDPOINT} cannot be reached ({shortened(error)})")
    return None


def _refused(what: str, error: HfHubHTTPError) -> HubError:
    match error.response.status_code:
        case 401:
            return HubError(
                f"{what}: {ENDPOINT} asks for a token, or does not accept yours (401): run hf auth login, or set "
                "HF_TOKEN anew"
            )
        case 403:
            return HubError(
                f"{what}: {ENDPOINT} denies access (403): run hf auth login with a token that may write there"
            )
        case 412:
            return RacedError(f"{what}: someone else pushed meanwhile")
        case status if status >= 500:
            return TransientError(f"{ENDPOINT} answers {status}")
        case status:
            return HubError(f"{what}: {ENDPOINT} refused ({status}): {shortened(error.server_message or error)}")


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
