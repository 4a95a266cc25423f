"""The entry for a Space, run as a Space runs it: a copy at the top of the repository, configured by variables."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.adapters_hub.conftest import Shelf
from tests.conftest import ROOT

SPACE = ROOT / "demo" / "space"


@pytest.fixture(scope="module")
def space(hub: Path, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Space whose owner listed English and German."""
    app = shutil.copy(SPACE / "app.py", tmp_path_factory.mktemp("space"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PYTHONPATH": str(ROOT),
        "PORT": str(port),
        "MSE_HUB": str(hub),
        "MSE_DEMO_MODULES": "tiny/eng, tiny/deu*",
        "MSE_DEMO_BASE": shelf.base.source,
        "OMP_NUM_THREADS": "1",
    }
    url = f"http://127.0.0.1:{port}/"
    with subprocess.Popen([sys.executable, app], env=os.environ | environment) as process:
        try:
            for _ in range(240):
                if process.poll() is not None:
                    pytest.fail("the Space did not start")
                try:
                    urllib.request.urlopen(url, timeout=5).close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.5)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def test_a_space_offers_what_its_owner_listed(space: str) -> None:
    client = Client(space, verbose=False)
    offered = {item["address"].partition("@")[0] for item in client.predict("", api_name="/modules")}
    assert offered == {"tiny/eng", "tiny/deu", "tiny/deu-eng-both"}
    assert len(client.predict(["Ja"], ["deu"], {"kind": "aligned"}, [], api_name="/encode")["vectors"]) == 1
    with pytest.raises(AppError, match="is not offered here"):
        client.predict(["Иә"], ["kaz"], {}, ["tiny/kaz"], api_name="/encode")


def test_the_front_matter_names_the_entry_and_the_gradio_that_was_tested() -> None:
    front = yaml.safe_load((SPACE / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert front["sdk"] == "gradio"
    assert (SPACE / front["app_file"]).is_file()
    assert front["sdk_version"] == version("gradio")


def test_the_requirements_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (SPACE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    library, *others = [line for line in lines if not line.startswith("#")]
    assert library == ".[offline]"
    assert "offline" in project["project"]["optional-dependencies"]
    assert others == project["dependency-groups"]["demo"]
