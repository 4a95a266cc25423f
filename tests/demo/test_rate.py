from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from demo.errors import DemoError
from demo.rate import RateLimit
from demo.settings import Limits, Settings
from tests.demo.conftest import FakeRequest

SETTINGS = Settings(limits=Limits(requests=60, burst=3))


def test_a_bucket_an_address_that_fills_again() -> None:
    now = [0.0]
    rate = RateLimit(SETTINGS, clock=lambda: now[0])
    one, two = (cast(Any, FakeRequest(host)) for host in ("a", "b"))
    for _ in range(3):
        rate.check(one)
    with pytest.raises(DemoError, match="try again in 1 s"):
        rate.check(one)
    rate.check(two)
    now[0] = 1.0
    rate.check(one)


def test_the_address_behind_a_proxy_is_taken_only_if_the_owner_says_so() -> None:
    class Forwarded(FakeRequest):
        @property
        def headers(self) -> dict[str, str]:
            return {"x-forwarded-for": f"1.1.1.1, {self.host}"}

        @property
        def client(self) -> FakeRequest:
            return FakeRequest("proxy")

    untrusting = RateLimit(SETTINGS, clock=lambda: 0.0)
    with pytest.raises(DemoError):
        for number in range(4):
            untrusting.check(cast(Any, Forwarded(str(number))))
    trusting = RateLimit(replace(SETTINGS, trusted_proxy=True), clock=lambda: 0.0)
    for number in range(4):
        trusting.check(cast(Any, Forwarded(str(number))))
