"""The command `adapters-hub`, each time in a separate process, on a folder that acts as a hub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from adapters_hub import __version__
from adapters_hub.modules import LanguageModule
from tests.adapters_hub.builders import SCORE, edit_json
from tests.adapters_hub.conftest import Shelf
from tests.forked import run_python


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a separate process."""
    inherited = {name: value for name, value in os.environ.items() if name != "MSE_HUB"}
    return run_python("-m", "adapters_hub", *arguments, env=inherited | environment)


def test_the_command_line_publishes_lists_shows_verifies_fetches_and_indexes(
    shelf: Shelf, hub: Path, tmp_path: Path
) -> None:
    for module in (shelf.eng, shelf.deu, shelf.deu_both):
        name = module.manifest.name
        done = command("push", module.folder, "--repo", f"org/{name}", "--license", "mit", "--hub", hub)
        assert done.returncode == 0, done.stderr
    dry = command("push", shelf.kaz.folder, "--repo", "org/kaz", "--dry-run", "--hub", hub)
    assert "embeddings.safetensors" in dry.stdout
    assert not (hub / "org" / "kaz").exists()
    assert "org/deu-eng-both" in command("list", "--kind", "alignment", "--hub", hub).stdout
    shown = command("show", "org/deu", "--hub", hub).stdout
    assert shelf.deu.manifest.fingerprint in shown
    assert "no scores" in shown
    assert command("verify", "org/deu", "--hub", hub).stdout.startswith("sound: org/deu@")
    fetched = command("fetch", "org/deu", "--into", tmp_path / "deu", "--hub", hub)
    assert Path(fetched.stdout.strip()) == tmp_path / "deu"
    assert LanguageModule.load(tmp_path / "deu").manifest.fingerprint == shelf.deu.manifest.fingerprint
    page = command("index", "org", "--hub", hub, PYTHONIOENCODING="ascii").stdout
    assert "[deu](https://huggingface.co/org/deu)" in page
    assert "[deu-eng-both](https://huggingface.co/org/deu-eng-both) (eng, both;" in page


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("psuh",), "Did you mean 'push'?"),
        (("push", "nowhere"), "--repo"),
        (("list", "--kind", "adapter"), "alignment"),
        (("list", "--language", "kk"), "did you mean 'kaz'?"),
        (("list", "--author", "org/name"), "expected the org of org/name"),
        (("push", "nowhere", "--repo", "org/na--me"), "expected org/name, by the Hub's rules for names"),
        (("verify", "nowhere"), "expected a folder with module.json, or org/name[@revision]"),
        (("show", "org/kaz", "--hub", "nowhere"), "is not there: expected a folder"),
    ],
)
def test_a_wrong_call_tells_the_right_one(arguments: tuple[str, ...], told: str) -> None:
    done = command(*arguments)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_module_says_does_not_steer_the_terminal(shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    facts = {"benchmark": "b\x1b[2J", "metric": "rsim", "value": 0.6864}
    rsim = SCORE | facts | {"modules": [shelf.deu.manifest.fingerprint]}
    edit_json(folder / "module.json", license="mit\x1b]0;x\x07\nbase: other", metrics=[rsim])
    shown = command("show", folder).stdout
    assert "\x1b" not in shown
    assert "\nbase: other" not in shown
    assert "0.686" in shown
    base = json.loads((folder / "module.json").read_text(encoding="utf-8"))["base"]
    edit_json(folder / "module.json", base=base | {"source": "x\x1b[2J\x9b\nsound: other"})
    verified = command("verify", folder).stdout
    assert "composes on x\ufffd[2J\ufffd\ufffdsound: other" in verified
    as_json = command("show", folder, "--json").stdout
    assert not {"\x1b", "\x9b"} & set(as_json)
    assert json.loads(as_json) == json.loads((folder / "module.json").read_text(encoding="utf-8"))
    edit_json(folder / "module.json", **{"\x1b[2J\nerror: other": 1})
    assert "'\ufffd[2J error: other'" in command("verify", folder).stderr


def test_the_command_line_tells_its_version_and_the_right_command() -> None:
    assert command("--version").stdout == f"{__version__}\n"
    wrong = command("fetc", "org/name")
    assert wrong.returncode == 2
    assert "Did you mean 'fetch'?" in wrong.stderr


def test_a_hub_that_is_not_there_is_not_an_empty_one(hub: Path) -> None:
    for arguments in (("list",), ("index", "org")):
        done = command(*arguments, "--hub", hub)
        assert done.returncode == 1
        assert "is not there: expected a folder" in done.stderr
        assert done.stdout == ""
