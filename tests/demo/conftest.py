"""A local hub of tiny modules, the objects that visitors share, a real server, and a real browser."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from adapters_hub.hub import push
from demo.compare.catalog import Catalog
from demo.compare.workbench import Workbench
from demo.limits.settings import Limits, Settings
from demo.page.handlers import Handlers
from demo.page.visit import Demo
from demo.screenshots import ARGUMENTS
from tests.adapters_hub.builders import make_adapter, make_language
from tests.adapters_hub.conftest import Shelf, bases, shelf
from tests.conftest import ROOT

__all__ = ["bases", "shelf"]  # fixtures

expect.set_options(timeout=30_000)  # a page is slow while other tests use the cores


@dataclass
class FakeRequest:
    """The parts of a request that the handlers read."""

    host: str = "198.51.100.1"

    @property
    def client(self) -> FakeRequest:
        return self

    @property
    def headers(self) -> dict[str, str]:
        return {}

    @property
    def query_params(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="session")
def hub(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny/…` holds the modules of the shelf; `other/deu` is another German module, with an adapter."""
    folder = tmp_path_factory.mktemp("hub")
    for module in shelf.folders:
        push(module, f"tiny/{module.name}", hub=folder)
    place = tmp_path_factory.mktemp("other")
    deu = make_language(shelf.base, place / "deu", "deu", 70)
    adapter = make_adapter(shelf.base, place / "deu-eng-both", ("both", deu, shelf.eng), 80)
    push(deu.folder, "other/deu", hub=folder)
    push(adapter.folder, "other/deu-eng-both", hub=folder)
    return folder


@pytest.fixture(scope="session")
def settings(hub: Path) -> Settings:
    """Visitors reach all modules of the hub; the shelf's modules come first in the owner's list."""
    return Settings(hub=str(hub), modules=("tiny/*", "other/*"), limits=Limits(requests=100_000, burst=10_000))


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    """The catalog of modules on offer."""
    return Catalog(settings)


@pytest.fixture
def bench(catalog: Catalog, shelf: Shelf) -> Workbench:
    """An encoder for this test alone."""
    return Workbench(catalog, base=shelf.base.copy())


@pytest.fixture
def demo(settings: Settings, bench: Workbench) -> Demo:
    """The state that visitors share."""
    return Demo(settings, bench)


@pytest.fixture
def handlers(demo: Demo) -> Handlers:
    """The page's handlers."""
    return Handlers(demo)


@pytest.fixture(scope="session")
def names(hub: Path, shelf: Shelf) -> list[str]:
    """The names of the shelf's modules on the hub, as visitors write them."""
    return [f"tiny/{module.name}" for module in shelf.folders]


@contextlib.contextmanager
def serve(*arguments: str, **environment: str) -> Iterator[str]:
    """The address of the demo, started as its owner starts it."""
    command = [sys.executable, "-m", "demo", *arguments, "--port", "0", "--requests", "100000"]
    inherited = {name: value for name, value in os.environ.items() if name != "MSE_HUB"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=inherited | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if found := re.search(r"ready after .*: (http\S+)", line):
                # Later output must be read too, or the server would block when the pipe is full.
                threading.Thread(target=lambda: list(process.stdout or ()), daemon=True).start()
                try:
                    yield found.group(1)
                finally:
                    process.terminate()
                    process.wait(20)
                return
    pytest.fail(f"the demo did not start: {''.join(lines)}")


class Internet(ThreadingHTTPServer):
    """A proxy that stands in for all other machines and records the requests that it receives."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a process whose requests to other machines go through the proxy."""
        url = f"http://127.0.0.1:{self.server_port}"
        return {"http_proxy": url, "https_proxy": url, "no_proxy": "127.0.0.1,localhost"}


class Answer(BaseHTTPRequestHandler):
    """Handles the requests of `Internet`: records each and sends an empty answer."""

    server: Internet

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_CONNECT = do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def internet() -> Iterator[Internet]:
    """A running `Internet`."""
    with Internet() as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()


@pytest.fixture(scope="session")
def server(hub: Path, shelf: Shelf, internet: Internet) -> Iterator[str]:
    """The address of the demo of the tiny modules."""
    owner = ("--hub", str(hub), "--module", "tiny/*", "--base", shelf.base.source)
    with serve(*owner, **internet.environment) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, with a fresh profile."""
    path = shutil.which("chromium")
    if path is None:
        message = "no chromium: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield launched
        launched.close()
