"""Hub data sets, streamed from the stand-in for the Hub."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters_hub import AdaptersHubError
from tests.hub_server import HubServer
from tests.hub_server.data_sets import card, parquet, read_from
from tests.trainer.preparation.conftest import ENGLISH, KAZAKH, rows_of_file
from trainer.data.text_files import read_lines
from trainer.preparation.cleaning import normalised
from trainer.preparation.settings import parse_settings
from trainer.preparation.writing import prepare

Run = Callable[[list[dict[str, Any]], str], Path]


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        for name in ("translations", "seed", "web", "script"):
            server.create(f"org/{name}")
        pairs = {"translation": [{"en": a, "uz": b} for a, b in zip(ENGLISH[:40], KAZAKH[:40], strict=True)]}
        server.commit(
            "org/translations",
            {
                "README.md": card({pair: {"train": f"{pair}/train-*"} for pair in ("en-uz", "en-ky")}),
                "en-uz/train-0.parquet": parquet(**pairs),
            },
        )
        rows = [("eng", "Latn", number, ENGLISH[number]) for number in range(30)]
        rows += [("kaz", "Cyrl", number, KAZAKH[number]) for number in range(29, 9, -1)]
        rows += [("kaz", "Latn", number, ENGLISH[number + 1]) for number in range(30)]
        columns = dict(zip(("iso_639_3", "iso_15924", "id", "text"), map(list, zip(*rows, strict=True)), strict=True))
        server.commit("org/seed", {"seed/train.parquet": parquet(**columns)})
        lines = "".join(json.dumps({"text": f"{KAZAKH[row]}\\n{KAZAKH[row + 1]}"}) + "\n" for row in range(0, 40, 2))
        web = {f"data/kk/kk_clean_{part}.jsonl.gz": gzip.compress(lines.encode()) for part in range(3)}
        server.commit("org/web", {**web, "web.py": b"raise SystemExit('a script was run')"})
        server.commit("org/script", {"script.py": b"raise SystemExit('a script was run')"})
        yield server


SOURCES: list[dict[str, Any]] = [
    {
        "name": "translations",
        "kind": "parallel",
        "dataset": "org/translations",
        "subset": "{pair}",
        "codes": "iso1",
        "columns": ["translation.{pivot}", "translation.{language}"],
        "license": "cc0-1.0",
    },
    {
        "name": "seed",
        "kind": "parallel",
        "dataset": "org/seed",
        "columns": ["text"],
        "where": {"iso_639_3": "{language}", "iso_15924": "{script}"},
        "key": "id",
    },
    {
        "name": "web",
        "kind": "text",
        "dataset": "org/web",
        "files": "data/{language}/*.jsonl.gz",
        "columns": ["text"],
        "codes": "iso1",
        "segment": True,
        "limit": 30,
    },
]


@pytest.fixture
def run(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Prepare from these sources; returns the folder."""
    read_from(hub, tmp_path, monkeypatch)

    def prepared(sources: list[dict[str, Any]], language: str) -> Path:
        listed, output = tmp_path / "sources.yaml", tmp_path / "data"
        listed.write_text(yaml.safe_dump({"sources": sources}), encoding="utf-8")
        prepare(parse_settings([f"--language={language}", f"--output={output}", f"--sources={listed}"]))
        return output

    return prepared


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, logger="trainer"):
        yield caplog


def test_data_sets_are_streamed_and_their_commits_recorded(
    run: Run, hub: HubServer, said: pytest.LogCaptureFixture
) -> None:
    data = run(SOURCES, "kaz")
    assert "skipped translations: org/translations has no subset en-kk" in said.text
    expected = {(normalised(ENGLISH[row]), normalised(KAZAKH[row])) for row in range(10, 30)}
    assert {tuple(row) for row in rows_of_file(data / "parallel" / "eng-kaz.tsv.xz")} == expected
    assert set(read_lines(data / "mono" / "kaz.txt.xz")) == {normalised(text) for text in KAZAKH[:30]}
    files = json.loads((data / "sources.json").read_text(encoding="utf-8"))["files"]
    assert files["parallel/eng-kaz.tsv.xz"]["sources"][0]["revision"] == hub.repos["org/seed"].at().id
    # One file suffices for the limit, so the others are not requested.
    asked = {url for _, url in hub.requests if "kk_clean" in url}
    assert any("kk_clean_0" in url for url in asked)
    assert not any("kk_clean_2" in url for url in asked)


def test_what_is_finished_needs_no_network(run: Run, hub: HubServer, said: pytest.LogCaptureFixture) -> None:
    before = (run(SOURCES, "kaz") / "sources.json").read_bytes()
    said.clear()
    hub.stop()
    try:
        data = run(SOURCES[1:], "kaz")
    finally:
        hub.start()
    assert said.text.count("finished already") == 2
    assert (data / "sources.json").read_bytes() == before


def test_macro_languages_stand_for_their_languages(run: Run) -> None:
    data = run(SOURCES[:1], "uzn_Cyrl")
    assert len(rows_of_file(data / "parallel" / "eng-uzn_Cyrl.tsv.xz")) == 40


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "org/missing"}, "the data set org/missing does not exist, or you must first accept its terms"),
        (
            {"dataset": "org/script", "subset": None},
            "the data set org/script needs a loading script, and none is ever run",
        ),
        ({"subset": "en-ky"}, "the data set org/translations cannot be read"),
        (
            {"columns": ["english", "kyrgyz"], "subset": "en-uz"},
            "expected the columns english, kyrgyz in .*; found tran",
        ),
    ],
)
def test_what_is_wrong_with_a_data_set_is_one_line(run: Run, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AdaptersHubError, match=message) as caught:
        run([SOURCES[0] | changes], "kir")
    assert "--skip translations" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_one_line(run: Run, hub: HubServer) -> None:
    hub.stop()
    try:
        with pytest.raises(AdaptersHubError, match="check the network and start again; finished sources are kept"):
            run(SOURCES, "kaz")
    finally:
        hub.start()
