"""The demo on the real Hub client, against a loopback hub: found, fetched, composed without a restart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from adapters_hub.hub import plan_push
from tests.adapters_hub.conftest import Shelf
from tests.demo.conftest import serve
from tests.hub_server import HubServer


@pytest.fixture(scope="module")
def remote(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo whose owner listed English and opened the Hub, where Kazakh is too."""
    home = tmp_path_factory.mktemp("home")
    with HubServer() as hub:
        for module in (shelf.eng, shelf.kaz, shelf.kaz_parallel):
            plan = plan_push(module.folder, f"org/{module.manifest.name}", hub=home)
            content = {
                name: part if isinstance(part, bytes) else part.read_bytes() for name, part in plan.files.items()
            }
            hub.create(plan.repo)
            hub.commit(plan.repo, content)
        environment = {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        owner = ("--module", "org/eng", "--open-hub", "--base", str(Path(shelf.base.source)))
        with serve(*owner, **environment) as url:
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
        ("org/nothing", "is not on"),
        ("../../etc/passwd", "expected a module"),
        ("demo/views", "is not on"),
    ):
        with pytest.raises(AppError, match=says):
            client.predict(["a"], ["kaz"], {}, [name], api_name="/encode")
