"""How much one address may ask for: a bucket of requests that fills up again."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import gradio as gr
from starlette.requests import HTTPConnection

from demo.limits.errors import DemoError
from demo.limits.settings import Settings

_MOST_ADDRESSES = 10_000
_CHARACTERS = 4000
"""To encode, under one composition: so many count as a request more. A set of examples has up to 800."""

Asking = gr.Request | HTTPConnection | None


class RateLimit:
    """One bucket an address.

    Args:
        settings: `limits.requests` a minute, `limits.burst` at once.
        clock: seconds, never going back.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = settings.limits.requests / 60
        self._burst = float(settings.limits.burst)
        self._trusted_proxy = settings.trusted_proxy
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, request: Asking) -> None:
        """Count a request.

        Raises:
            DemoError: there were too many from this address.
        """
        self._take(request, 1.0, least=1.0)

    def charge(self, request: Asking, characters: int) -> None:
        """Count the work that a request turned out to be, before it is done: more than there is leaves a debt.

        Args:
            request: that was counted.
            characters: of all sentences, once for every composition that they are encoded under.

        Raises:
            DemoError: another request from this address has left one meanwhile.
        """
        self._take(request, characters / _CHARACTERS, least=0.0)

    def _take(self, request: Asking, cost: float, least: float) -> None:
        address = self._address(request)
        now = self._clock()
        with self._lock:
            left, last = self._buckets.pop(address, (self._burst, now))
            left = min(self._burst, left + (now - last) * self._per_second)
            self._buckets[address] = (left - cost if left >= least else left, now)
            while len(self._buckets) > _MOST_ADDRESSES:
                self._buckets.popitem(last=False)
        if left < least:
            wait = math.ceil((1 - left) / self._per_second)
            raise DemoError(f"too many requests from your address: try again in {wait} s")

    def _address(self, request: Asking) -> str:
        if request is None:
            return ""
        if self._trusted_proxy and (forwarded := request.headers.get("x-forwarded-for")):
            return str(forwarded).rpartition(",")[2].strip()[:64]  # the last one is what the proxy itself saw
        return str(request.client.host) if request.client else ""
