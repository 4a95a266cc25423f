"""Local sources in many formats, made from the sample data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import sample_sentences
from trainer.data.text_files import read_lines, write_lines
from trainer.preparation.settings import parse_settings
from trainer.preparation.writing import prepare

ENGLISH, KAZAKH = sample_sentences("eng"), sample_sentences("kaz")
Prepare = Callable[..., Path]


def tsv(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    write_lines(path, ("\t".join(row) for row in rows))
    return path


def rows_of_file(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in read_lines(path)]


@pytest.fixture
def listed(tmp_path: Path) -> list[dict[str, Any]]:
    """Four sources for English and Kazakh: two of translations, one of paraphrases, one of documents."""
    home = tmp_path / "sources"
    tsv(home / "first" / "en-kk.tsv.xz", list(zip(ENGLISH[:60:2], KAZAKH[:60:2], strict=True)))
    write_lines(home / "first" / "en-kk.labels.txt", ["talk" if row % 3 else "news" for row in range(30)])
    table = {
        "translation": [{"en": one, "kk": other} for one, other in zip(ENGLISH[40:140], KAZAKH[40:140], strict=True)]
    }
    pq.write_table(pa.table(table), home / "second.parquet")
    tsv(home / "pairs" / "kaz.tsv", [(KAZAKH[row], KAZAKH[row + 1]) for row in range(0, 100, 2)])
    rows = [(ENGLISH[row], ENGLISH[row + 1], ENGLISH[row + 9] if row % 4 else "") for row in range(0, 100, 2)]
    tsv(home / "pairs" / "eng.tsv", rows)
    documents = [{"text": f"{KAZAKH[row]} {KAZAKH[row + 1]}\n{KAZAKH[row + 2]}", "id": row} for row in range(0, 60, 3)]
    (home / "web.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents), encoding="utf-8")
    return [
        {
            "name": "first",
            "kind": "parallel",
            "path": f"{home}/first/{{pair}}.tsv.xz",
            "codes": "iso1",
            "groups": f"{home}/first/{{pair}}.labels.txt",
            "license": "cc-by-4.0",
            "licenses": {"talk": "cc0-1.0"},
        },
        {
            "name": "second",
            "kind": "parallel",
            "path": f"{home}/second.parquet",
            "columns": ["translation.{pivot}", "translation.{language}"],
            "codes": "iso1",
            "languages": ["kaz"],
            "license": "odc-by",
            "release": False,
        },
        {"name": "pairs", "kind": "paraphrase", "path": f"{home}/pairs/{{language}}.tsv", "license": "mit"},
        {
            "name": "web",
            "kind": "text",
            "path": f"{home}/web.jsonl",
            "columns": ["text"],
            "segment": True,
            "languages": ["kaz"],
        },
    ]


@pytest.fixture
def run(listed: list[dict[str, Any]], tmp_path: Path) -> Prepare:
    """Prepare Kazakh from `listed`; returns the folder."""

    def prepared(output: str = "data", **options: Any) -> Path:
        sources = tmp_path / "sources.yaml"
        sources.write_text(yaml.safe_dump({"sources": listed}, allow_unicode=True), encoding="utf-8")
        values = {"language": "kaz", "output": tmp_path / output, "sources": sources} | options
        prepare(parse_settings([f"--{name}={value}" for name, value in values.items()]))
        return tmp_path / output

    return prepared
