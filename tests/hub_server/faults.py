"""Faults on demand: answers that fail, break off, come late, never end, or wait for a gate."""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass
from typing import Any


@dataclass
class _Rule:
    method: re.Pattern[str]
    path: re.Pattern[str]
    times: float
    value: Any


class Gate:
    """Holds the requests that it matches: `waiting` is set when the first arrives, `open()` releases all of them."""

    def __init__(self) -> None:
        self.waiting = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        """Release the held requests and let all later ones through."""
        self._opened.set()

    def hold(self) -> None:
        """Wait for `open()` in the thread of a request."""
        if not self._opened.is_set():
            self.waiting.set()
            self._opened.wait()


class Faults:
    """The faults. A path pattern is searched in path and query as sent; a method pattern must match completely."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: dict[str, list[_Rule]] = {}

    def _add(self, kind: str, method: str, path: str, times: float, value: Any) -> None:
        with self._lock:
            self._rules.setdefault(kind, []).append(_Rule(re.compile(method), re.compile(path), times, value))

    def take(self, kind: str, method: str, path: str) -> Any:
        """The value of the first matching rule of a kind that is not used up, or None."""
        with self._lock:
            for rule in self._rules.get(kind, ()):
                if rule.times > 0 and rule.method.fullmatch(method) and rule.path.search(path):
                    rule.times -= 1
                    return rule.value
        return None

    def gates(self, method: str, path: str) -> list[Gate]:
        """All gates that a request must pass."""
        with self._lock:
            rules = self._rules.get("gate", ())
            return [rule.value for rule in rules if rule.method.fullmatch(method) and rule.path.search(path)]

    def clear(self) -> None:
        """Remove all faults and open all gates."""
        with self._lock:
            rules, self._rules = self._rules, {}
        for rule in rules.get("gate", ()):
            rule.value.open()

    def status(self, method: str, path: str, status: int, times: float = 1, **headers: str) -> None:
        """Answer with `status` and do nothing else; `**{"Retry-After": "2"}` adds a header."""
        self._add("status", method, path, times, (status, headers))

    def cut(self, path: str, after_bytes: int, times: float = 1, method: str = "GET|POST|PUT|DELETE") -> None:
        """Handle the request, promise the whole body, and close the connection after `after_bytes` of it."""
        self._add("cut", method, path, times, after_bytes)

    def drop(self, path: str, times: float = 1, method: str = ".*") -> None:
        """Handle the request and close the connection without an answer, as when the answer to a commit is lost."""
        self._add("drop", method, path, times, True)

    def delay(self, path: str, seconds: float, times: float = 1, method: str = ".*") -> None:
        """Wait before the request is handled."""
        self._add("delay", method, path, times, seconds)

    def drip(self, path: str, seconds: float, times: float = 1, method: str = ".*") -> None:
        """Promise the whole body and send one byte of it every `seconds`."""
        self._add("drip", method, path, times, seconds)

    def flood(self, path: str, times: float = 1, method: str = "GET|POST|PUT", **headers: str) -> None:
        """Answer 200 with an endless body and without stating its length."""
        self._add("flood", method, path, times, headers)

    def add(self, path: str, times: float = 1, method: str = ".*", **headers: str) -> None:
        """Answer normally, with these additional headers: `Link="…"`."""
        self._add("add", method, path, times, headers)

    def replace(self, path: str, body: bytes, times: float = math.inf, method: str = "GET|HEAD") -> None:
        """Serve `body` with its ETag as a file under `/resolve/`; with "GET" alone, HEAD reports the real file."""
        self._add("replace", method, path, times, body)

    def gate(self, path: str, method: str = ".*") -> Gate:
        """Hold requests before they are handled, until the gate is opened."""
        gate = Gate()
        self._add("gate", method, path, math.inf, gate)
        return gate
