"""Visitors learn nothing about the owner's machine."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from adapters_hub import AdaptersHubError
from adapters_hub.errors import ModuleFormatError
from adapters_hub.hub import HubError, HubUnreachableError
from demo.compare.catalog import Catalog
from demo.compare.snippet import _base
from demo.limits.errors import DemoError, for_visitors
from demo.limits.settings import Settings
from demo.page.api import _record


@pytest.mark.parametrize("name", ["tiny/nothing", "tiny/deu@v7", f"tiny/deu@{'7' * 40}"])
def test_what_the_hub_does_not_have_tells_neither_where_it_is_nor_what_else_it_has(hub: Path, name: str) -> None:
    catalog = Catalog(Settings(hub=str(hub), modules=("tiny/*",)))
    with pytest.raises(AdaptersHubError) as caught:
        catalog.resolve(name)
    told = for_visitors(caught.value)
    assert str(hub) in str(caught.value)
    assert str(hub) not in told
    assert hub.name not in told
    assert "other/deu" not in told
    assert "choose among those that are listed" in told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleFormatError("/home/jo/my-hub/org/x/module.json is not valid JSON"), "…/module.json is not valid JSON"),
        (AdaptersHubError("trained on base '/srv/bases/e5', not this"), "trained on base '…/e5', not this"),
        (AdaptersHubError(r"C:\Users\jo\base.json: broken"), r"…\base.json: broken"),
        (DemoError("row 2: /tmp/upload/x.csv has 3 / 4 columns"), "row 2: …/x.csv has 3 / 4 columns"),
        (DemoError("'org/kaz@v1' is not offered"), "'org/kaz@v1' is not offered"),
        (AdaptersHubError("see https://iso639-3.sil.org/code/x"), "see https://iso639-3.sil.org/code/x"),
        (HubUnreachableError("org/x: http://10.0.0.7:80/secret answers 503"), "the hub does not answer"),
        (HubError("the local hub /srv/h has no 'a/b'; it has: c/d"), "the hub does not have this module"),
    ],
)
def test_an_error_names_no_place_of_the_owners_machine(error: AdaptersHubError, told: str) -> None:
    assert for_visitors(error).startswith(told)


def test_what_a_manifest_says_of_the_owners_machine_is_not_passed_on(catalog: Catalog) -> None:
    entry = catalog.entries["tiny/deu"]
    base = dataclasses.replace(entry.manifest.base, source="/home/jo/bases/small", hub_id=None)
    vocabulary = {"strategy": "trim", "data": {"path": "/home/jo/texts/deu.txt"}}
    manifest = dataclasses.replace(entry.manifest, base=base, vocabulary=vocabulary)
    entry = dataclasses.replace(entry, manifest=manifest)
    assert _record(entry)["vocabulary"] == {"strategy": "trim", "data": {"path": "…/deu.txt"}}
    assert _base(entry) == "small"


def test_a_module_that_is_broken_does_not_keep_the_others_from_visitors(hub: Path, tmp_path: Path) -> None:
    place = shutil.copytree(hub, tmp_path / "hub")
    for manifest in (place / "tiny" / "kaz" / "revisions").glob("*/module.json"):
        manifest.write_text(manifest.read_text(encoding="utf-8").replace('"fingerprint": "', '"fingerprint": "0'))
    catalog = Catalog(Settings(hub=str(place)))
    assert "tiny/deu" in catalog.entries
    assert "tiny/kaz" not in catalog.entries
    with pytest.raises(ModuleFormatError):
        Catalog(Settings(hub=str(place), modules=("tiny/kaz",)))
