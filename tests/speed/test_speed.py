"""The arithmetic of the speed benchmark; the measured values themselves are not tested."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from adapters_hub.errors import AdaptersHubError
from speed.inputs import Text
from speed.measure import in_turns, matrix_rate
from speed.report import Row, speed_table, write_speed_report

ROWS = [
    Row("SE step", "s", [1.0, 2.0, 9.0], [8.0, 9.0, 7.0], "a peer", 4.0),
    Row("encode", "sentences/s", [100.0], [120.0], "a peer", 1.3),
    Row("latency", "s", [0.03], [0.02], "a peer", 1.5, more_is_better=False),
    Row("memory", "bytes", [2e9], [9e9], "23 peers", 1 / 8, more_is_better=False),
]


def test_ratios_are_of_medians_and_say_how_much_better_we_are() -> None:
    assert [row.ratio for row in ROWS] == pytest.approx([4.0, 100 / 120, 1.5, 2 / 9])
    assert [row.met for row in ROWS] == [True, False, True, False]


def test_the_report_has_every_figure(tmp_path: Path) -> None:
    shown = write_speed_report(ROWS, "sample data", tmp_path)
    assert "| SE step | 2.00 s | 8.00 s | a peer | 4 | ≥ 4 | met |" in shown
    assert "| latency | 30.0 ms | 20.0 ms | a peer | 1.5 | ≤ 1.5 | met |" in speed_table(ROWS)
    assert "| memory | 2,000 MB | 9,000 MB | 23 peers | 0.222 | ≤ 0.125 | **not met** |" in shown
    values = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))
    assert values["rows"][0]["ours"] == [1.0, 2.0, 9.0]
    assert values["machine"]["cores"] >= 1
    assert (tmp_path / "speed.png").stat().st_size > 1000


def test_measurements_take_turns() -> None:
    turns: list[str] = []

    def measure(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    assert in_turns("12", lambda _: measure("a"), lambda _: measure("b")) == ([1.0, 3.0], [2.0, 4.0])
    assert turns == ["a", "b", "a", "b"]


def test_the_matrix_rate_is_a_rate() -> None:
    assert 1e8 < matrix_rate([(64, 128)], repeats=2) < 1e16


def test_text_comes_from_the_sample_data_or_a_folder(tmp_path: Path) -> None:
    sample = Text(None)
    assert sample.languages(3) == ["eng", "deu", "tur"]
    assert len(sample.mono("kaz", 2000)) == 2000
    assert len(set(sample.mono("kaz", 500))) > 400
    assert all(len(pair) == 2 and pair[0] != pair[1] for pair in sample.paraphrases("deu", 50))
    (tmp_path / "mono").mkdir()
    with lzma.open(tmp_path / "mono" / "kaz.txt.xz", "wt", encoding="utf-8") as file:
        file.write("бір\nекі\n")
    own = Text(tmp_path)
    assert own.languages(5) == ["kaz"]
    assert own.mono("kaz", 3) == ["бір", "екі", "бір"]
    with pytest.raises(AdaptersHubError, match=r"has no mono/LANGUAGE\.txt\.xz"):
        Text(tmp_path / "mono")
