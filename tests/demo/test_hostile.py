"""A broken module of one visitor or publisher does not affect the others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adapters_hub import AdaptersHubError
from adapters_hub.hub.local import LocalHub
from demo.compare.catalog import Catalog
from demo.compare.workbench import Workbench
from demo.limits.settings import Limits, Settings
from demo.page.visit import Demo
from tests.adapters_hub.conftest import Shelf
from tests.attack.mutations import ADAPTER, LANGUAGE
from tests.demo.conftest import FakeRequest, Handlers

TEXTS = ["Guten Morgen!", "Der Zug hat Verspätung."]
Benches = Callable[[], Workbench]


@pytest.fixture
def place(shelf: Shelf, tmp_path: Path) -> Path:
    """A hub whose modules were put there by hand, with a broken adapter and a broken module in `bad`."""
    for folder in shelf.folders:
        shutil.copytree(folder, tmp_path / "hub" / "tiny" / folder.name)
    adapter = shutil.copytree(shelf.deu_both.folder, tmp_path / "hub" / "bad" / "deu-eng-both")
    ADAPTER["NaN"](Path(adapter))
    LANGUAGE["LoRA A of inf"](Path(shutil.copytree(shelf.deu.folder, tmp_path / "hub" / "bad" / "deu")))
    return tmp_path / "hub"


@pytest.fixture
def bench(place: Path, shelf: Shelf) -> Workbench:
    settings = Settings(hub=str(place), modules=("tiny/*", "bad/*"), limits=Limits(requests=100_000, burst=10_000))
    return Workbench(Catalog(settings), base=shelf.base.copy())


def test_a_broken_adapter_or_module_takes_nothing_from_other_visitors(bench: Workbench) -> None:
    good = bench.catalog.pick(["tiny/eng", "tiny/deu", "tiny/deu-eng-both"])
    before = bench.encode(TEXTS, "deu", good, {"both": 1})
    loaded = bench.loaded
    for picks, weights in (
        (bench.catalog.pick(["tiny/eng", "tiny/deu", "bad/deu-eng-both"]), {"both": 1.0}),
        (bench.catalog.pick(["bad/deu"]), {}),
    ):
        with pytest.raises(AdaptersHubError, match="expected finite ones"):
            bench.encode(TEXTS, "deu", picks, weights)
        assert bench.encoder.alignments["deu"] == ["both"]
        assert bench.loaded.keys() == loaded.keys()
        assert bench.loaded["deu"].adapters.keys() == {"both"}
        bench._vectors.clear()
        assert np.array_equal(bench.encode(TEXTS, "deu", good, {"both": 1}), before)


def test_a_card_that_is_a_link_shows_nothing(bench: Workbench, place: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the password", encoding="utf-8")
    (place / "tiny" / "deu" / "README.md").symlink_to(secret)
    (place / "tiny" / "kaz" / "README.md").write_text("a card", encoding="utf-8")
    settings = Settings(hub=str(place), modules=("tiny/*",), limits=Limits(requests=100_000, burst=10_000))
    demo = Demo(settings, bench)
    shown = Handlers(demo).show_card(FakeRequest(), "tiny/deu")["card"]  # type: ignore[arg-type]
    assert "password" not in shown
    assert "is a symbolic link" in shown
    assert Handlers(demo).show_card(FakeRequest(), "tiny/kaz") == {"card": "a card"}  # type: ignore[arg-type]


def test_a_link_in_a_hub_is_not_followed_by_fetching_or_pushing(place: Path, tmp_path: Path, shelf: Shelf) -> None:
    from adapters_hub.hub import copy_module, fetch_module, push

    secret = tmp_path / "secret"
    secret.write_text("the password", encoding="utf-8")
    (place / "tiny" / "deu" / "README.md").symlink_to(secret)
    with pytest.raises(AdaptersHubError, match="is a symbolic link"):
        copy_module(fetch_module("tiny/deu", place), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    pushed = push(shelf.kaz.folder, "org/kaz", hub=place)
    (place / "org" / "kaz" / "revisions" / pushed.commit / "NOTICE").symlink_to(secret)
    following = push(shelf.kaz.folder, "org/kaz", hub=place, license="mit").commit
    assert not (place / "org" / "kaz" / "revisions" / following / "NOTICE").exists()
    (place / "org" / "kaz" / "refs" / "main").unlink()
    (place / "org" / "kaz" / "refs" / "main").symlink_to(secret)
    with pytest.raises(AdaptersHubError) as caught:
        fetch_module("org/kaz", LocalHub(place))
    assert "password" not in str(caught.value)
