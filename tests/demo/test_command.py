"""`python -m demo`, also with modules straight from training."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from demo.compare.catalog import Catalog
from demo.limits.errors import DemoError
from demo.limits.settings import Settings
from demo.publishing import publish_folder
from tests.adapters_hub.conftest import Shelf
from tests.forked import run_python


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "MSE_HUB"}
    return run_python("-m", "demo", *arguments, env=inherited | environment)


def test_modules_out_of_training_are_published_once(shelf: Shelf, tmp_path: Path) -> None:
    training = tmp_path / "mine"
    training.mkdir()
    for module in shelf.folders:
        (training / module.name).symlink_to(module)
    hub = tmp_path / "hub"
    first, again = list(publish_folder(training, hub)), list(publish_folder(training, hub))
    assert len(first) == 6
    assert all(line.endswith(", unchanged") for line in again)
    picks = Catalog(Settings(hub=str(hub))).default()
    assert list(picks.modules) == ["deu", "eng", "kaz"]
    assert picks.objectives("kaz") == ["parallel", "paraphrase"]


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="make quickstart"):
        list(publish_folder(tmp_path, tmp_path / "hub"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--hub", "/nowhere"), "/nowhere"),
        (("--hub", "demo/examples"), "error: there are no modules in demo/examples: publish some"),
        (("--publish", "."), "error: --publish needs a folder that acts as the hub: name one with --hub"),
        ((), "error: no modules: list some with --module org/name"),
    ],
)
def test_an_owner_s_mistake_is_one_line(arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
