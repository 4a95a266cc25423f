"""The folder that is prepared from local sources."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adapters_hub import AdaptersHubError
from adapters_hub.folders import sha256
from tests.trainer.preparation.conftest import ENGLISH, KAZAKH, Prepare, rows_of_file, tsv
from tests.trainer.runs.launch import contents
from trainer.data.corpora import load_pairs, load_text
from trainer.data.text_files import read_lines, write_lines
from trainer.objectives import ROLES
from trainer.preparation import assembling, parts
from trainer.preparation.cleaning import normalised
from trainer.preparation.settings import parse_settings
from trainer.runs.parsing import parse_recipe
from trainer.settings import DataSource

COLUMNS = ("anchor", "positive", "negative")


def outside_parts(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if not name.startswith(("parts/", "."))}


def test_every_line_is_of_its_source_and_none_comes_twice(run: Prepare) -> None:
    data = run()
    rows = rows_of_file(data / "parallel" / "eng-kaz.tsv.xz")
    labels = list(read_lines(data / "provenance" / "parallel-kaz.txt.xz"))
    assert len(rows) == len(labels) == len({tuple(row) for row in rows})
    first = {(normalised(ENGLISH[row]), normalised(KAZAKH[row])): row // 2 for row in range(0, 60, 2)}
    second = {(normalised(ENGLISH[row]), normalised(KAZAKH[row])) for row in range(40, 140)}
    assert {tuple(row) for row in rows} == {*first} | second
    for row, label in zip(rows, labels, strict=True):
        place = first.get((row[0], row[1]))
        assert label == ("second" if place is None else "first/talk" if place % 3 else "first/news")


def test_the_loaders_of_the_stages_read_what_is_written(run: Prepare) -> None:
    data = run()
    assert len(load_text(DataSource(path=str(data / "mono" / "{language}.txt.xz")), "kaz", "eng")) == 60
    source = DataSource(
        path=str(data / "parallel" / "{pivot}-{language}.tsv.xz"),
        groups=str(data / "provenance" / "parallel-{language}.txt.xz"),
        group_limit=5,
    )
    assert len(load_pairs(source, "kaz", "eng", ROLES)) == 15
    for language, negatives in (("kaz", 0), ("eng", 25)):
        loaded = load_pairs(DataSource(path=str(data / "paraphrase" / "{language}.tsv.xz")), language, "eng", ROLES)
        assert sum(map(bool, loaded[ROLES[2]])) == negatives


def test_documents_are_cut_into_sentences(run: Prepare) -> None:
    assert set(read_lines(run() / "mono" / "kaz.txt.xz")) == {normalised(text) for text in KAZAKH[:60]}


def test_the_catalog_counts_what_the_files_hold(run: Prepare) -> None:
    data = run()
    files = json.loads((data / "sources.json").read_text(encoding="utf-8"))["files"]
    assert set(files) == {name for name in contents(data, ".xz") if not name.startswith("provenance/")}
    for name, facts in files.items():
        assert facts["sha256"] == sha256(data / name)
        labels = Counter(read_lines(data / facts["provenance"]))
        counted = {label: of["lines"] for source in facts["sources"] for label, of in source["labels"].items()}
        assert counted == dict(labels)
        assert facts["lines"] == labels.total()
    first, second = files["parallel/eng-kaz.tsv.xz"]["sources"]
    assert {label: of["license"] for label, of in first["labels"].items()} == {
        "first/talk": "cc0-1.0",
        "first/news": "cc-by-4.0",
    }
    assert second["dropped"] == {"in an earlier source": 10}
    assert second["release"] is False
    page = (data / "SOURCES.md").read_text(encoding="utf-8")
    assert "| parallel/eng-kaz.tsv.xz | 120 | second | 90 | odc-by | **no** |" in page


def test_a_second_language_leaves_the_first_in_the_catalog(run: Prepare, listed: list[dict[str, Any]]) -> None:
    data = run()
    before = outside_parts(data)
    listed[2]["languages"] = ["kaz", "kir", "eng"]
    tsv(Path(listed[2]["path"].replace("{language}", "kir")), [(KAZAKH[0], KAZAKH[1])])
    (data / "recipe.yaml").rename(data / "kaz.yaml")
    run(language="kir")
    after = json.loads((data / "sources.json").read_text(encoding="utf-8"))["files"]
    assert {"parallel/eng-kaz.tsv.xz", "paraphrase/kir.tsv.xz"} <= after.keys()
    assert all(contents(data)[name] == before[name] for name in before if name.endswith(".xz"))


def test_the_same_sources_give_the_same_bytes(run: Prepare) -> None:
    one, other = run("one"), run("other")
    names = [name for name in outside_parts(one) if name != "recipe.yaml"]
    assert {name: outside_parts(one)[name] for name in names} == {name: outside_parts(other)[name] for name in names}


class Stopped(BaseException):
    """Stops a run as a signal does, because no handler catches it."""


@pytest.mark.parametrize("write", range(0, 18, 2))
def test_a_run_that_was_stopped_at_any_file_goes_on(
    run: Prepare, write: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = outside_parts(run("whole"))
    left = iter(range(write))

    def stopping(path: Path, lines: Any) -> None:
        if next(left, None) is None:
            raise Stopped
        write_lines(path, lines)

    with monkeypatch.context() as patch:
        for module in (assembling, parts):
            patch.setattr(module, "write_lines", stopping)
        stopped = False
        try:
            run()
        except Stopped:
            stopped = True
    finished = min(write, 5)  # five parts are written before anything is assembled
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="trainer"):
        data = run()
    assert stopped is (write < 13)
    assert caplog.text.count("finished already") == finished
    assert caplog.text.count(": reading ") == 5 - finished
    assert {name: text for name, text in outside_parts(data).items() if name != "recipe.yaml"} == {
        name: text for name, text in whole.items() if name != "recipe.yaml"
    }


def test_what_changed_is_read_again_and_nothing_else(
    run: Prepare, listed: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    data = run()
    listed[0]["limit"] = 7
    listed[1]["license"] = "mit"  # this does not affect the rows
    tsv(Path(listed[2]["path"].replace("{language}", "kaz")), [(KAZAKH[0], KAZAKH[1])])
    with caplog.at_level(logging.INFO, logger="trainer"):
        run()
    read = [line.split(": ")[0] for line in caplog.text.splitlines() if ": reading " in line]
    assert [line.partition("building.py")[2].partition(" ")[2] for line in read] == [
        "parallel-eng-kaz, first",
        "paraphrase-kaz, pairs",
    ]
    assert rows_of_file(data / "paraphrase" / "kaz.tsv.xz") == [[normalised(text) for text in KAZAKH[:2]]]
    labels = Counter(label.partition("/")[0] for label in read_lines(data / "provenance" / "parallel-kaz.txt.xz"))
    assert labels["first"] == 7


def test_a_damaged_part_is_read_again(run: Prepare) -> None:
    data = run()
    before = outside_parts(data)
    part = data / "parts" / "paraphrase-kaz" / "pairs.jsonl.gz"
    part.write_bytes(part.read_bytes()[:-20])
    assert outside_parts(run()) == before


def test_benchmark_sentences_are_left_out_whatever_their_case_and_punctuation(run: Prepare, tmp_path: Path) -> None:
    benchmark = tmp_path / "benchmark"
    benchmark.mkdir()
    tsv(benchmark / "test.tsv", [("sentence", "score"), (KAZAKH[50].upper().replace(" ", "  "), "5")])
    (benchmark / "more.jsonl").write_text(json.dumps({"a": [f"«{ENGLISH[60].rstrip('.')}»"]}), encoding="utf-8")
    data = run(exclude=benchmark)
    rows = {tuple(row) for row in rows_of_file(data / "parallel" / "eng-kaz.tsv.xz")}
    assert len(rows) == 118
    assert not any(normalised(KAZAKH[50]) in row or normalised(ENGLISH[60]) in row for row in rows)
    assert normalised(KAZAKH[50]) not in set(read_lines(data / "mono" / "kaz.txt.xz"))
    facts = json.loads((data / "sources.json").read_text(encoding="utf-8"))["files"]
    assert facts["mono/kaz.txt.xz"]["sources"][0]["dropped"] == {"in the excluded files": 1}
    assert facts["mono/kaz.txt.xz"]["excluded"] == sorted(map(sha256, benchmark.iterdir()))
    with pytest.raises(AdaptersHubError, match="--exclude: expected files of text"):
        run(exclude=tmp_path / "missing")


def test_sources_can_be_chosen(run: Prepare) -> None:
    assert not (run("a", only="web,pairs") / "parallel").exists()
    assert set(read_lines(run("b", skip="second") / "provenance" / "parallel-kaz.txt.xz")) == {
        "first/talk",
        "first/news",
    }
    released = json.loads((run("c", release_only=True) / "sources.json").read_text(encoding="utf-8"))["files"]
    assert all(source["release"] for facts in released.values() for source in facts["sources"])
    with pytest.raises(AdaptersHubError, match="no source is called 'x'; there are first, pairs, second, web"):
        run("d", only="x")


def test_the_limit_is_of_each_source(run: Prepare) -> None:
    data = run(limit=3)
    assert len(rows_of_file(data / "parallel" / "eng-kaz.tsv.xz")) == 6
    assert len(list(read_lines(data / "mono" / "kaz.txt.xz"))) == 3


def test_the_recipe_is_one_that_the_stages_take(run: Prepare) -> None:
    data = run(modules="somewhere")
    recipe = parse_recipe("x", "", ["--recipe", str(data / "recipe.yaml")])
    assert recipe.language_list == ["eng", "kaz"]
    assert recipe.phases_of("eng") == ["vocabulary"]
    assert recipe.phases_of("kaz") == ["vocabulary", "se"]
    assert recipe.output_dir == "somewhere"
    assert recipe.se.relations.license == "cc0-1.0; cc-by-4.0; odc-by"
    assert recipe.se.relations.name == "first, second"


def test_a_recipe_that_was_changed_is_left_alone(run: Prepare, caplog: pytest.LogCaptureFixture) -> None:
    recipe = run() / "recipe.yaml"
    written = recipe.read_text(encoding="utf-8")
    run(base="other")
    assert recipe.read_text(encoding="utf-8") != written
    recipe.write_text(written.replace("license: mit\n", "license: apache-2.0\n", 1), encoding="utf-8")
    run()
    assert "apache-2.0" in recipe.read_text(encoding="utf-8")
    assert "was changed by hand: left as it is" in caplog.text


def test_a_language_that_nobody_has_is_an_error_and_a_source_without_it_is_named(
    run: Prepare, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO, logger="trainer"),
        pytest.raises(
            AdaptersHubError, match=r"none of the 4 sources has anything in hau: name files of your own in --sources"
        ),
    ):
        run(language="hau")
    assert "parallel of hau: skipped second: it has only kaz" in caplog.text
    assert "parallel of hau: skipped first: no file" in caplog.text


@pytest.mark.parametrize(
    ("number", "changes", "message"),
    [
        (
            1,
            {"columns": ["translation.en", "translation.kir"]},
            r"expected the columns translation\.en, translation\.kir in",
        ),
        (1, {"columns": ["translation", "translation"]}, "expected text in the column translation of .*, found dict"),
        (3, {"columns": ["id"]}, "expected text in the column id of .*, found int"),
        (0, {"groups": "missing.txt"}, r"file of groups 'missing\.txt' does not exist"),
        (0, {"kind": "text"}, r"expected 1 columns \(text\), found 2"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    run: Prepare, listed: list[dict[str, Any]], number: int, changes: dict[str, Any], message: str
) -> None:
    listed[number] |= changes
    with pytest.raises(AdaptersHubError, match=message) as caught:
        run()
    assert "\n" not in str(caught.value)
    assert f"(or leave it out: --skip {listed[number]['name']})" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": "kk"}, "did you mean 'kaz'"),
        ({"limit": 0}, "--limit must be at least 1"),
        ({"related": "kaz"}, "--related must be another language"),
        ({"related": "tur"}, r"--related tur: .*eng-tur\.tsv\.xz does not exist: first prepare that language"),
        ({"translate": "nowhere"}, "no source of paraphrases of eng says 'translate: true'"),
    ],
)
def test_settings_that_cannot_be_are_refused(run: Prepare, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AdaptersHubError, match=message):
        run(**options)


def test_help_explains_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse_settings(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for name in ("language", "output", "sources", "exclude", "translate", "translation.num_beams", "release_only"):
        assert f"--{name} " in text
