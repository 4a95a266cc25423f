"""Data sets of the Hub, streamed from the stand-in for it by the program itself."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import ROOT
from tests.hub_server import HubServer
from tests.trainer.preparation.conftest import ENGLISH, KAZAKH, rows_of_file
from tests.trainer.runs.launch import Completed, execute
from trainer.preparation.cleaning import normalised
from trainer.text_files import read_lines

PREPARE = ROOT / "trainer" / "prepare.py"
Run = Callable[..., Completed]


def parquet(**columns: list[Any]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def card(*subsets: str) -> bytes:
    configs = [{"config_name": name, "data_files": [{"split": "train", "path": f"{name}/train-*"}]} for name in subsets]
    return f"---\n{yaml.safe_dump({'configs': configs})}---\n".encode()


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        for name in ("translations", "seed", "web", "script"):
            server.create(f"org/{name}")
        pairs = {"translation": [{"en": a, "uz": b} for a, b in zip(ENGLISH[:40], KAZAKH[:40], strict=True)]}
        server.commit(
            "org/translations", {"README.md": card("en-uz", "en-ky"), "en-uz/train-0.parquet": parquet(**pairs)}
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
def run(hub: HubServer, tmp_path: Path) -> Run:
    """`python trainer/prepare.py` on these sources."""

    def started(sources: list[dict[str, Any]], *arguments: str) -> Completed:
        listed = tmp_path / "sources.yaml"
        listed.write_text(yaml.safe_dump({"sources": sources}), encoding="utf-8")
        variables = {
            "HF_ENDPOINT": hub.url,
            "HF_HUB_OFFLINE": "0",
            "HF_DATASETS_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
        }
        variables |= {"HF_HOME": str(tmp_path / "home"), "HF_DATASETS_CACHE": str(tmp_path / "arrow")}
        output = ("--output", str(tmp_path / "data"), "--sources", str(listed))
        return execute(PREPARE, *output, *arguments, variables=variables)

    return started


def test_data_sets_are_streamed_and_their_commits_recorded(run: Run, hub: HubServer, tmp_path: Path) -> None:
    done = run(SOURCES, "--language", "kaz").ok()
    data = tmp_path / "data"
    assert "skipped translations: org/translations has no subset en-kk" in done.stderr
    expected = {(normalised(ENGLISH[row]), normalised(KAZAKH[row])) for row in range(10, 30)}
    assert {tuple(row) for row in rows_of_file(data / "parallel" / "eng-kaz.tsv.xz")} == expected
    assert set(read_lines(data / "mono" / "kaz.txt.xz")) == {normalised(text) for text in KAZAKH[:30]}
    files = json.loads((data / "sources.json").read_text(encoding="utf-8"))["files"]
    assert files["parallel/eng-kaz.tsv.xz"]["sources"][0]["revision"] == hub.repos["org/seed"].at().id
    # One file has enough for the limit: the others are not asked for.
    asked = {url for _, url in hub.requests if "kk_clean" in url}
    assert any("kk_clean_0" in url for url in asked)
    assert not any("kk_clean_2" in url for url in asked)


def test_what_is_finished_needs_no_network(run: Run, hub: HubServer, tmp_path: Path) -> None:
    run(SOURCES, "--language", "kaz").ok()
    before = (tmp_path / "data" / "sources.json").read_bytes()
    hub.stop()
    try:
        again = run(SOURCES[1:], "--language", "kaz").ok()
    finally:
        hub.start()
    assert again.stderr.count("finished already") == 2
    assert (tmp_path / "data" / "sources.json").read_bytes() == before


def test_macro_languages_stand_for_their_languages(run: Run, tmp_path: Path) -> None:
    run([SOURCES[0] | {"min_characters": 1}], "--language", "uzn_Cyrl").ok()
    assert len(rows_of_file(tmp_path / "data" / "parallel" / "eng-uzn_Cyrl.tsv.xz")) == 40


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "org/missing"}, "the data set org/missing does not exist, or needs that you accept its terms"),
        ({"dataset": "org/script", "subset": None}, "the data set org/script is a script, which is not run"),
        ({"subset": "en-ky"}, "the data set org/translations cannot be read"),
    ],
)
def test_what_is_wrong_with_a_data_set_is_one_line(run: Run, changes: dict[str, Any], message: str) -> None:
    line = run([SOURCES[0] | changes], "--language", "kir").error_line()
    assert message in line
    assert "--skip translations" in line


def test_a_hub_that_cannot_be_reached_is_one_line(run: Run, hub: HubServer) -> None:
    hub.stop()
    try:
        line = run(SOURCES, "--language", "kaz").error_line()
    finally:
        hub.start()
    assert "check the network and start again; what is finished is kept" in line
