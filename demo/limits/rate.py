"""Limit the requests of each address with a token bucket."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import gradio as gr
from starlette.requests import HTTPConnection

from demo.limits.errors import DemoError
from demo.limits.settings import Limits

_MOST_ADDRESSES = 10_000
_CHARACTERS = 4000
"""Number of characters to encode, under one composition, that count as one more request. An example has up to 800."""

Asking = gr.Request | HTTPConnection


class RateLimit:
    """One token bucket per address.

    Args:
        limits: `requests` per minute, and `burst` at once.
        clock: returns seconds, which never decrease.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = limits.requests / 60
        self._burst = float(limits.burst)
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, request: Asking) -> None:
        """Count a request.

        Raises:
            DemoError: there were too many requests from this address.
        """
        self._take(request, 1.0, least=1.0)

    def charge(self, request: Asking, characters: int) -> None:
        """Count the work of a request before it is done; work beyond what is left in the bucket makes a debt.

        Args:
            request: a request that `check` has counted.
            characters: number of characters of all sentences, counted once for every composition.

        Raises:
            DemoError: another request from this address has made a debt meanwhile.
        """
        self._take(request, characters / _CHARACTERS, least=0.0)

    def _take(self, request: Asking, cost: float, least: float) -> None:
        # Behind a proxy that $FORWARDED_ALLOW_IPS trusts, this is the visitor's address: uvicorn reads X-Forwarded-For.
        address = str(request.client.host) if request.client else ""
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
