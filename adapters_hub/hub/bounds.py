"""Bounds on each answer of the Hub: its size, its time, and which hosts receive a token.

`huggingface_hub` has one HTTP client per process and sets no such bounds. Hooks on this client do. They act only on
requests that are made inside `bounded`, so that requests of other libraries stay as they are.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import get_session
from huggingface_hub.constants import ENDPOINT, HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_ETAG_TIMEOUT
from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

from adapters_hub.hub.hub import HubError, HubUnreachableError

_OF_THE_API = (16 << 20, 3.0 * HF_HUB_ETAG_TIMEOUT)  # bytes and seconds of an answer that is not a file
_SLOWEST, _SLOW_SECONDS = 1000, 3 * HF_HUB_DOWNLOAD_TIMEOUT  # bytes per second, on average over these seconds
_TIMEOUTS = {"connect": 10, "read": 30, "write": 60, "pool": 30}
_COMMIT_SECONDS = 60  # to answer a request that changes a repo
_BUSY = (408, 429, 500, 502, 503, 504)
_HUBS = (ENDPOINT, "https://huggingface.co", "https://hf.co")


class TransientError(HubUnreachableError):
    """The Hub is busy or broken, and may answer at the next try.

    Attributes:
        seconds: how long it asks to wait; None if it does not say.
    """

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


# Bytes and seconds that an answer may have; None outside `bounded`.
_bounds: ContextVar[tuple[int, float] | None] = ContextVar("_bounds", default=None)


@contextlib.contextmanager
def bounded(file_bytes: int | None = None) -> Iterator[None]:
    """Bound the answers to all requests that this thread makes in the context.

    Args:
        file_bytes: size of the file to fetch, which may take any time; None for an answer of the Hub's API.

    Raises:
        TransientError: the Hub is busy or broken. The client on its own would wait as long as the Hub asks.
        HubUnreachableError: an answer is too large or too slow.
        HubError: a token would be sent to another host, or this machine's proxy settings allow no connection.
    """
    hooks = _session().event_hooks
    for kind, hook in (("request", _ask), ("response", _take)):
        if hook not in hooks[kind]:
            hooks[kind].append(hook)  # type: ignore[arg-type]
    token = _bounds.set(_OF_THE_API if file_bytes is None else (file_bytes, math.inf))
    try:
        yield
    finally:
        _bounds.reset(token)


def of_the_hub(url: str) -> bool:
    """Whether a URL is on the Hub itself, and not on a host that it redirects to."""
    return any(_origin(url) == _origin(hub) for hub in _HUBS)


def _session() -> httpx2.Client:
    try:
        return get_session()
    except ImportError as error:
        raise HubError(
            "the proxy settings (ALL_PROXY, HTTPS_PROXY, HTTP_PROXY) name a SOCKS proxy, which needs a package: "
            "pip install 'httpx2[socks]', or name another proxy"
        ) from error
    except (ValueError, OSError, httpx2.InvalidURL) as error:
        raise HubError(
            f"the settings of this machine for proxies and certificates (ALL_PROXY, HTTPS_PROXY, HTTP_PROXY, "
            f"SSL_CERT_FILE) allow no connection ({error}): correct them"
        ) from error


def _ask(request: httpx2.Request) -> None:
    if _bounds.get() is None:
        return
    if "Authorization" in request.headers and not of_the_hub(str(request.url)):
        raise HubError(
            f"{ENDPOINT} redirects to {_origin(str(request.url))[1]}, which is not the Hub: "
            "your token is not sent there"
        )
    # A small compressed answer could expand to a large one.
    request.headers["Accept-Encoding"] = "identity"
    default = _TIMEOUTS if request.method in ("GET", "HEAD") else _TIMEOUTS | {"read": _COMMIT_SECONDS}
    given = request.extensions.get("timeout", {})
    request.extensions["timeout"] = {name: given.get(name) or seconds for name, seconds in default.items()}


def _take(response: httpx2.Response) -> None:
    bounds = _bounds.get()
    if bounds is None:
        return
    if response.status_code in _BUSY:
        raise TransientError(f"{ENDPOINT} answers {response.status_code}", _asked_wait(response))
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise HubUnreachableError(f"{ENDPOINT} sends a compressed answer, but an uncompressed one was requested")
    assert isinstance(response.stream, httpx2.SyncByteStream)
    response.stream = _BoundedStream(response.stream, *(bounds if response.is_success else _OF_THE_API))


def _asked_wait(response: httpx2.Response) -> float | None:
    """The seconds that an answer asks to wait, in its header `RateLimit` or `Retry-After`."""
    with contextlib.suppress(ValueError):
        limit = parse_ratelimit_headers(response.headers)
        if response.status_code == 429 and limit is not None and limit.remaining == 0:
            return float(limit.reset_in_seconds)
    after = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+", after, re.ASCII):
        return float(after)
    with contextlib.suppress(ValueError, OverflowError):
        date = parsedate_to_datetime(after)
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return None


class _BoundedStream(httpx2.SyncByteStream):
    """The body of an answer, up to its bounds in bytes and seconds."""

    def __init__(self, stream: httpx2.SyncByteStream, size: int, seconds: float) -> None:
        self._stream, self._size, self._seconds, self._start = stream, size, seconds, time.monotonic()

    def __iter__(self) -> Iterator[bytes]:
        got, counted, since = 0, 0, self._start
        for chunk in self._stream:
            got += len(chunk)
            now = time.monotonic()
            if got > self._size:
                raise HubUnreachableError(f"{ENDPOINT} sends more than the {self._size} bytes that an answer may have")
            if now - self._start > self._seconds:
                raise HubUnreachableError(f"{ENDPOINT} takes more than {self._seconds:.0f} s for an answer")
            if now - since > _SLOW_SECONDS:
                if got - counted < _SLOWEST * (now - since):
                    raise HubUnreachableError(f"{ENDPOINT} sends less than {_SLOWEST} bytes per second")
                counted, since = got, now
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.scheme, parts.netloc.rpartition("@")[2].lower().removesuffix(port)
