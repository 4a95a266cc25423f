from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from demo.compare.graded import SPLITS
from demo.compare.workbench import Workbench
from demo.input.examples import TITLES, example
from demo.limits.errors import DemoError
from demo.limits.rate import RateLimit
from demo.limits.settings import Limits, Settings
from demo.page.app import build_app
from demo.page.handlers import Handlers
from demo.page.look import launch_options
from demo.page.visit import Demo
from tests.demo.conftest import FakeRequest

LIMITS = Limits(requests=60, burst=3)


def test_a_bucket_an_address_that_fills_again() -> None:
    now = [0.0]
    rate = RateLimit(LIMITS, clock=lambda: now[0])
    one, two = (cast(Any, FakeRequest(host)) for host in ("a", "b"))
    for _ in range(3):
        rate.check(one)
    with pytest.raises(DemoError, match="try again in 1 s"):
        rate.check(one)
    rate.check(two)
    now[0] = 1.0
    rate.check(one)


def test_work_leaves_a_debt_that_later_requests_wait_for() -> None:
    now = [0.0]
    rate = RateLimit(LIMITS, clock=lambda: now[0])
    request = cast(Any, FakeRequest())
    for _ in range(2):
        rate.check(request)
    rate.charge(request, 40_000)  # 10 more requests, though 1 is left
    with pytest.raises(DemoError, match="try again in 10 s"):
        rate.charge(request, 1)
    now[0] = 9.9
    with pytest.raises(DemoError, match="try again in 1 s"):
        rate.check(request)
    now[0] = 10.0
    rate.check(request)


@pytest.fixture
def strict(settings: Settings, bench: Workbench) -> Handlers:
    """The handlers of a page with the default limits."""
    return Handlers(Demo(replace(settings, limits=Limits()), bench))


COLUMNS = [{"kind": kind} for kind in ("base", "modules", "aligned", "base")]


def test_examples_and_the_sample_benchmark_are_within_the_limit(strict: Handlers) -> None:
    request = cast(Any, FakeRequest())
    for split in SPLITS:
        assert "mse-scatter" in strict.graded(request, split, "deu", "eng", None, COLUMNS, None)["graded"]
    for name in TITLES:
        rows = [row.to_record() for row in example(name)]
        assert "too many requests" not in str(strict.compare(request, rows, COLUMNS, None, False))


def test_who_asked_for_much_work_waits_wherever_the_next_comes_in(strict: Handlers, tmp_path: Path) -> None:
    table = tmp_path / "pairs.tsv"
    sentence = "Der Zug hat Verspätung. " * 20  # 480 characters
    table.write_text("text_1\ttext_2\tscore\n" + f"{sentence}\t{sentence}\t1\n" * 300, encoding="utf-8")
    request = cast(Any, FakeRequest())
    assert "Spearman" in strict.graded(request, "upload", "deu", "eng", str(table), COLUMNS[:1], None)["graded"]
    assert "too many requests" in strict.graded(request, "dev", "deu", "eng", None, COLUMNS, None)["graded"]
    rows = [row.to_record() for row in example("first")]
    assert "too many requests" in str(strict.compare(request, rows, COLUMNS, None, False))
    assert "too many requests" not in str(
        strict.compare(cast(Any, FakeRequest("198.51.100.2")), rows, COLUMNS, None, False)
    )


@contextlib.contextmanager
def launched(settings: Settings, bench: Workbench) -> Iterator[httpx.Client]:
    """A client of a page whose visitors may make three requests."""
    demo = Demo(replace(settings, limits=Limits(requests=1, burst=3)), bench)
    app = build_app(demo)
    _, url, _ = app.launch(server_name="127.0.0.1", prevent_thread_lock=True, **launch_options(demo))
    try:
        with httpx.Client(base_url=f"{url}gradio_api", trust_env=False) as client:
            yield client
    finally:
        app.close()


FILES = {"files": ("a.csv", b"text\na\n")}


def test_uploads_count_and_nobody_goes_past_the_queue(settings: Settings, bench: Workbench) -> None:
    with launched(settings, bench) as client:
        body = {"data": ["", ""], "fn_index": 0}
        assert "does not accept direct" in client.post("/run/modules", json=body).text
        answers = [client.post("/upload", files=FILES) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "try again in" in answers[3].text


@pytest.mark.parametrize(("trusted", "fourth"), [("127.0.0.1", 200), ("192.0.2.1", 429)])
def test_the_address_behind_a_proxy_is_taken_only_if_the_owner_says_so(
    settings: Settings, bench: Workbench, monkeypatch: pytest.MonkeyPatch, trusted: str, fourth: int
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    with launched(settings, bench) as client:
        forwarded = [{"X-Forwarded-For": f"1.1.1.1, 198.51.100.{number}"} for number in range(4)]
        answers = [client.post("/upload", files=FILES, headers=headers) for headers in forwarded]
    assert [answer.status_code for answer in answers] == [200, 200, 200, fourth]


def test_a_body_that_does_not_state_its_size_is_limited_too(settings: Settings, bench: Workbench) -> None:
    with launched(settings, bench) as client:
        chunks = (b"a" * (1 << 20) for _ in range(3))
        answer = client.post("/queue/join", content=chunks, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
