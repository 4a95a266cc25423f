"""The demo with the real Hub client against a loopback hub: modules are found, fetched, and composed while it runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from adapters_hub.hub import plan_push
from tests.adapters_hub.conftest import Shelf
from tests.demo.conftest import serve
from tests.forked import run_python
from tests.hub_server import HubServer


@dataclass
class Published:
    """A Hub with modules, and the environment that points its users there."""

    hub: HubServer
    environment: dict[str, str]


@pytest.fixture(scope="module")
def published(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """A Hub with English, Kazakh and an adapter."""
    home = tmp_path_factory.mktemp("home")
    with HubServer() as hub:
        for module in (shelf.eng, shelf.kaz, shelf.kaz_parallel):
            plan = plan_push(module.folder, f"org/{module.manifest.name}", hub=home)
            content = {
                name: part if isinstance(part, bytes) else part.read_bytes() for name, part in plan.files.items()
            }
            hub.create(plan.address.repo)
            hub.commit(plan.address.repo, content)
        environment = {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        yield Published(hub, environment)


@pytest.fixture(scope="module")
def remote(published: Published, shelf: Shelf) -> Iterator[str]:
    """A demo whose owner listed English and opened the Hub, which also has Kazakh."""
    owner = ("--module", "org/eng", "--open-hub", "--base", str(Path(shelf.base.source)))
    with serve(*owner, **published.environment) as url:
        yield url


def test_modules_of_the_hub_are_found_fetched_and_composed(remote: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(remote)
    expect(page.locator("#mse-rows textarea").first).to_be_visible()
    page.get_by_role("tab", name="Modules", exact=True).click()
    expect(page.locator("#mse-panel")).not_to_contain_text("Kazakh")
    page.get_by_label("Search modules").fill("kaz")
    page.get_by_role("button", name="Search", exact=True).click()
    boxes = page.locator("#mse-found").get_by_role("checkbox")
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        box.check()
    page.get_by_role("button", name="Compose", exact=True).click()
    expect(page.locator("#mse-panel")).to_contain_text("Kazakh")
    expect(page.locator("#mse-panel")).to_contain_text(re.compile("parallel.*to eng, org/kaz-eng-parallel"))
    expect(page.locator("#mse-columns option[value='aligned:parallel']").first).to_have_text("Aligned by parallel")
    page.close()


def test_programs_reach_them_too_and_nothing_that_is_no_module(remote: str) -> None:
    client = Client(remote, verbose=False)
    answer = client.predict(
        ["Қайырлы таң"], ["kaz"], {"kind": "aligned"}, ["org/kaz", "org/kaz-eng-parallel"], api_name="/encode"
    )
    assert [name.partition("@")[0] for name in answer["modules"]] == ["org/kaz", "org/kaz-eng-parallel"]
    for name, says in (
        ("org/nothing", "does not have this module"),
        ("../../etc/passwd", "expected a module"),
        ("demo/views", "does not have this module"),
    ):
        with pytest.raises(AppError, match=says):
            client.predict(["a"], ["kaz"], {}, [name], api_name="/encode")


RESOLVE = """
import sys
from adapters_hub.errors import AdaptersHubError
from demo.compare.catalog import Catalog
from demo.limits.settings import Settings

*listed, _, asked = sys.argv[1:]
catalog = Catalog(Settings(modules=tuple(listed)))
for name in asked.split():
    try:
        print(name, catalog.resolve(name).address)
    except AdaptersHubError as error:
        print(name, error)
"""


def test_commits_of_pull_requests_are_not_the_owners(published: Published) -> None:
    """Anybody can open a pull request; of a repo that the owner listed by name, branches and tags are the owner's."""
    repo = published.hub.repos["org/kaz"]
    main = repo.refs["main"]
    files = repo.at(main).files
    first = repo.record("v1", {**files, "README.md": b"first"}, "first").id
    evil = repo.record("refs/pr/1", {**files, "README.md": b"evil"}, "evil").id
    old = repo.record("v0", {**files, "README.md": b"old"}, "old").id

    def resolved(listed: str, *asked: str) -> dict[str, str]:
        arguments = [listed, "--", " ".join(f"org/kaz{revision}" for revision in asked)]
        done = run_python("-c", RESOLVE, *arguments, env=os.environ | published.environment)
        assert done.returncode == 0, done.stderr
        return dict(line.removeprefix("org/kaz").split(" ", 1) for line in done.stdout.splitlines())

    answers = resolved("org/kaz", "", f"@{main}", "@v1", f"@{first}", "@refs/pr/1", f"@{evil}", f"@{old}")
    assert [answers[name] for name in ("", f"@{main}")] == [f"org/kaz@{main}"] * 2
    assert [answers[name] for name in ("@v1", f"@{first}")] == [f"org/kaz@{first}"] * 2  # through its tag
    assert all("not every revision" in answers[name] for name in ("@refs/pr/1", f"@{evil}", f"@{old}"))
    answers = resolved("org/kaz@v1", "", "@v1", f"@{first}", "@main", f"@{main}", "@v0", "@refs/pr/1", f"@{evil}")
    assert [answers[name] for name in ("", "@v1", f"@{first}")] == [f"org/kaz@{first}"] * 3
    assert all("not every revision" in answers[name] for name in list(answers)[3:])
