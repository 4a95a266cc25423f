from __future__ import annotations

from pathlib import Path

import pytest

from adapters_hub.hub import HubError, push
from demo.compare.catalog import Catalog
from demo.limits.errors import DemoError
from demo.limits.settings import Settings
from tests.adapters_hub.conftest import Shelf


def test_a_visitor_gets_one_module_a_language_with_its_adapters(catalog: Catalog) -> None:
    picks = catalog.default()
    assert list(picks.modules) == ["deu", "eng", "kaz"]
    assert picks.modules["deu"].repo == "other/deu"  # the first by name
    assert picks.adapters["deu"]["both"].repo == "other/deu-eng-both"
    assert picks.objectives("kaz") == ["parallel", "paraphrase"]


def test_modules_are_found_by_words(catalog: Catalog) -> None:
    assert {entry.repo for entry in catalog.search("kazakh parallel")} == {"tiny/kaz-eng-parallel"}
    assert {entry.repo for entry in catalog.search("Deutsch")} == {
        "tiny/deu",
        "other/deu",
        "tiny/deu-eng-both",
        "other/deu-eng-both",
    }
    assert catalog.search("nothing of the kind") == []


def test_a_revision_can_be_chosen(catalog: Catalog) -> None:
    entry = catalog.entries["tiny/deu"]
    assert catalog.search(f"tiny/deu@{entry.commit}") == [entry]
    with pytest.raises(HubError):
        catalog.search("tiny/deu@nowhere")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "tiny/../../x",
        "tests/demo",
        "demo/views",
        "file:///etc/passwd",
        "",
        "a" * 9999,
    ],
)
def test_paths_and_modules_that_are_not_listed_are_refused(catalog: Catalog, name: str) -> None:
    with pytest.raises(DemoError, match="expected a module as org/name|is not offered here") as caught:
        catalog.pick([name])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_only_what_the_owner_listed_can_be_reached(hub: Path) -> None:
    catalog = Catalog(Settings(hub=str(hub), modules=("tiny/eng", "tiny/kaz*")))
    assert set(catalog.entries) == {"tiny/eng", "tiny/kaz", "tiny/kaz-eng-paraphrase", "tiny/kaz-eng-parallel"}
    with pytest.raises(DemoError, match="'tiny/deu' is not offered here"):
        catalog.resolve("tiny/deu")
    assert Catalog(Settings(hub=str(hub), modules=("tiny/eng",), open_hub=True)).resolve("tiny/deu").language == "deu"


def test_of_a_module_listed_with_a_revision_no_other_can_be_reached(shelf: Shelf, tmp_path: Path) -> None:
    commits = []
    for revision, licence in (("main", "mit"), ("v1", "cc0-1.0"), ("v2", "apache-2.0")):
        commits.append(push(shelf.eng.folder, "org/mine", hub=tmp_path, revision=revision, license=licence).commit)
    catalog = Catalog(Settings(hub=str(tmp_path), modules=("org/mine@v1",)))
    for revision in ("", "@v1", f"@{commits[1]}"):
        assert catalog.resolve(f"org/mine{revision}").commit == commits[1]
    for revision in ("main", "v2", commits[0], commits[2]):
        with pytest.raises(DemoError, match="not every revision"):
            catalog.resolve(f"org/mine@{revision}")
    by_name = Catalog(Settings(hub=str(tmp_path), modules=("org/*",)))  # in a folder, all revisions belong to the owner
    assert [by_name.resolve(f"org/mine@{commit}").commit for commit in commits] == commits


def test_an_open_hub_is_searched(hub: Path) -> None:
    catalog = Catalog(Settings(hub=str(hub), modules=("tiny/eng",), open_hub=True))
    assert {entry.repo for entry in catalog.search("deu both")} == {"tiny/deu-eng-both", "other/deu-eng-both"}


def test_an_adapter_comes_with_the_module_it_was_made_for(catalog: Catalog) -> None:
    with pytest.raises(DemoError, match="needs the language module of 'deu'"):
        catalog.pick(["tiny/deu-eng-both"])
    with pytest.raises(DemoError, match="made for other modules"):
        catalog.pick(["other/deu", "tiny/deu-eng-both"])
    assert catalog.pick(["tiny/deu-eng-both", "tiny/deu"]).objectives("deu") == ["both"]


def test_an_owner_who_lists_nothing_of_the_hub_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MSE_HUB", raising=False)
    with pytest.raises(DemoError, match="list some with --module"):
        Catalog(Settings())
    with pytest.raises(DemoError, match=f"there are no modules in {tmp_path}"):
        Catalog(Settings(hub=str(tmp_path)))
    with pytest.raises(HubError, match="the local hub /nowhere/at/all is not there"):
        Catalog(Settings(hub="/nowhere/at/all"))
