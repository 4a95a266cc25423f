"""Take the pictures of the page for the README: `make screenshots`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
_MOST_BYTES = 300_000

_SHOTS = (("desktop", "light", "Similarity"), ("dark", "dark", "Map"))
"""Name, theme and tab of each picture."""


def main(
    folder: Annotated[Path, typer.Argument(help="Folder to write the pictures to.")],
    hub: Annotated[Path, typer.Option(help="The same as for python -m demo.")],
    publish: Annotated[Path | None, typer.Option(help="The same as for python -m demo.")] = None,
) -> None:
    """Start the demo, take pictures of its page, and stop it."""
    command = [sys.executable, "-m", "demo", "--hub", str(hub), "--port", "0"]
    if publish is not None:
        command += ["--publish", str(publish)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"ready after .*: (http\S+)", line):
                try:
                    _shoot(found.group(1), folder)
                finally:
                    process.terminate()
                return
    sys.exit("error: the demo did not start: see the output above")


def _shoot(url: str, folder: Path) -> None:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: no chromium: apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        for name, theme, tab in _SHOTS:
            page = browser.new_page(viewport={"width": 1440, "height": 1010})
            page.goto(f"{url}?__theme={theme}")
            page.locator("#mse-rows textarea").first.wait_for()
            page.get_by_role("tab", name=tab, exact=True).click()
            if tab == "Similarity":
                page.locator("#mse-heatmaps td[data-i='9'][data-j='8']").nth(2).hover()
            page.wait_for_timeout(1200)
            path = folder / f"{name}.png"
            page.screenshot(path=path)
            page.close()
            with Image.open(path) as image:
                image.convert("RGB").save(path, optimize=True)
            if (size := path.stat().st_size) > _MOST_BYTES:
                sys.exit(f"error: {path} has {size:,} bytes, up to {_MOST_BYTES:,} are allowed: make it smaller")
        browser.close()


if __name__ == "__main__":
    typer.run(main)
