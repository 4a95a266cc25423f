from __future__ import annotations

import csv
import html
import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from gradio.utils import get_upload_folder
from PIL import Image

from demo.compare.comparison import Comparison, compare
from demo.compare.snippet import folder_name, snippet
from demo.compare.workbench import Workbench
from demo.input.columns import Column
from demo.input.sentences import Row
from demo.page.export import export, pairs_csv
from demo.page.handlers import Handlers
from tests.adapters_hub.conftest import Shelf
from tests.demo.conftest import FakeRequest
from tests.forked import run_python

ROWS = [
    Row("deu", '=HYPERLINK("x")', "1"),
    Row("kaz", 'Қайырлы "таң"\\', "1"),
    Row("eng", "Good morning", "2"),
    Row("arb", "صباح الخير", "1"),
]


@pytest.fixture
def comparison(bench: Workbench, names: list[str]) -> Comparison:
    blend = Column("blend", weights={"both": 0.5, "parallel": 0.25})
    return compare(bench, ROWS, [Column("base"), Column("modules"), blend], bench.catalog.pick(names))


def test_what_visitors_take_away_lies_where_it_is_deleted_later(handlers: Handlers) -> None:
    rows = [row.to_record() for row in ROWS]
    update = handlers.download(FakeRequest(), rows, [{"kind": "base"}], None)["files"]  # type: ignore[arg-type]
    assert len(update["value"]) == 5
    assert all(Path(path).is_relative_to(get_upload_folder()) for path in update["value"])


def test_the_files_hold_what_is_shown(comparison: Comparison, tmp_path: Path) -> None:
    files = {path.name: path for path in export(comparison, tmp_path)}
    assert np.array_equal(np.load(files["vectors.npy"], allow_pickle=False), comparison.vectors)
    table = pq.read_table(files["vectors.parquet"])
    assert table.num_rows == 12
    assert np.array_equal(np.stack(table.column("vector").to_numpy()), comparison.vectors.reshape(12, -1))
    assert json.loads(table.schema.metadata[b"compositions"])[2]["kind"] == "blend"
    with Image.open(files["similarities.png"]) as image:
        assert image.width > image.height > 300
    with files["similarities.csv"].open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 6
    assert float(lines[0]["1. Base"]) == pytest.approx(comparison.similarities[0, 0, 1], abs=1e-6)


def test_no_cell_is_taken_for_a_formula(comparison: Comparison) -> None:
    cells = [cell for line in csv.reader(pairs_csv(comparison).splitlines()) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_the_program_gives_the_same_similarities(comparison: Comparison, shelf: Shelf, hub: Path) -> None:
    place = Path(shelf.base.source).parent
    program = snippet(comparison, os.path.relpath(hub, place))
    done = run_python("-c", program, env=os.environ, cwd=place)
    assert done.returncode == 0, done.stderr
    blocks = done.stdout.split("3. Blend")[0].split("2. Modules\n")[1]
    first = [float(value) for value in blocks.strip().splitlines()[0].strip("[] ").split()]
    assert np.allclose(first, comparison.similarities[1, 0], atol=2e-3)


def test_the_program_names_the_folder_of_the_modules_and_not_where_it_lies(
    handlers: Handlers, comparison: Comparison, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = html.unescape(handlers.views(comparison, difference=False)["program"])
    assert f'HUB = "{hub.name}"' in shown
    assert str(hub.parent) not in shown
    monkeypatch.chdir(hub.parent.parent)
    assert folder_name(handlers.demo.bench.catalog.hub) == f"{hub.parent.name}/{hub.name}"
    assert "hub=" not in snippet(comparison)
