"""The file that a setting names is the file that is read, and the record describes what was read."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters_hub import BaseEncoder
from tests.conftest import sample_sentences
from trainer import stage1
from trainer.data.columns import Form
from trainer.data.corpora import load_cross_lingual, load_first, load_pairs, load_text, load_words
from trainer.data.errors import DataError
from trainer.data.files import as_recorded, load_file
from trainer.runs.identity import describe_data
from trainer.runs.parsing import parse_recipe
from trainer.settings import DataSource, Recipe
from trainer.stage1 import Stage1

TEXT = [Form(("text",))]


def texts(path: Path) -> list[str]:
    return list(load_text(DataSource(path=str(path)), "kaz", "eng")["text"])


def named(folder: Path, form: str, **columns: str) -> DataSource:
    """One row with these column names, in their order."""
    path = folder / f"named.{form}"
    if form == "parquet":
        pq.write_table(pa.table({name: [text] for name, text in columns.items()}), path)
    else:
        path.write_text(json.dumps(columns) + "\n")
    return DataSource(path=str(path))


@pytest.mark.parametrize("name", ["news[1].txt", "a?.txt", "b*.txt", "[ab].txt", "{x,y}.txt", "c::d.txt", "e#f%20.txt"])
def test_no_part_of_a_name_is_a_pattern(tmp_path: Path, name: str) -> None:
    for other in ("news1.txt", "ab.txt", "bb.txt", "a.txt", "x.txt", "d.txt"):
        (tmp_path / other).write_text("another\n")
    folder = tmp_path / "in [1] *"
    folder.mkdir()
    for path in (tmp_path / name, folder / name):
        path.write_text(f"of {path}\n")
        assert texts(path) == [f"of {path}"]


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.txt.gz"])
def test_a_file_with_the_date_and_size_of_another_is_read_anew(tmp_path: Path, name: str) -> None:
    path = tmp_path / name

    def write(text: str) -> None:
        content = f"{text}\n".encode()
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
        os.utime(path, (1e9, 1e9))

    write("alt")
    assert texts(path) == ["alt"]
    write("neu")
    assert texts(path) == ["neu"]


def test_equal_content_is_kept_once_and_damage_to_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = tmp_path / "cache [1]"
    monkeypatch.setenv("MSE_CACHE", str(cache))
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("a\nb\n")
        assert load_file(tmp_path / name, None, TEXT)["text"][:] == ["a", "b"]
    (arrow,) = cache.rglob("*.arrow")
    assert sorted(path.name for path in arrow.parent.iterdir()) == [arrow.name, "facts.json"]
    for damage in (b"", bytes(arrow.stat().st_size), arrow.read_bytes()[:-9]):
        arrow.unlink()  # deleted rather than overwritten, because it is memory-mapped
        arrow.write_bytes(damage)
        assert load_file(tmp_path / "two.txt", None, TEXT)["text"][:] == ["a", "b"]
    assert "is damaged" in caplog.text
    shutil.rmtree(cache)
    cache.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="set MSE_CACHE to use another cache folder") as caught:
        load_file(tmp_path / "two.txt", None, TEXT)
    assert "\n" not in str(caught.value)


def test_data_that_was_replaced_since_its_hash_was_taken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kaz.txt").write_text("бір\nекі\n")
    (tmp_path / "labels.txt").write_text("x\ny\n")
    source = DataSource(
        path=str(tmp_path / "{language}.txt"), groups=str(tmp_path / "labels.txt"), group_limit=1, limit=5
    )
    settings = {"la": {"data": [describe_data(source, Recipe(), "kaz")]}}
    with as_recorded(settings):
        assert load_text(source, "kaz", "eng")["text"][:] == ["бір", "екі"]
        (tmp_path / "labels.txt").write_text("x\nx\n")
        with pytest.raises(DataError, match=r"labels\.txt was replaced after this run had begun .*: start the same"):
            load_text(source, "kaz", "eng")
        (tmp_path / "labels.txt").write_text("x\ny\n")
        (tmp_path / "kaz.txt").write_text("үш\nекі\n")
        with pytest.raises(DataError, match=r"kaz\.txt was replaced"):
            load_text(source, "kaz", "eng")
    assert load_text(source, "kaz", "eng")["text"][:] == ["үш", "екі"]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_columns_are_taken_by_their_names_wherever_they_stand(tmp_path: Path, form: str) -> None:
    sides = ("pivot", "target")
    for columns in (
        {"target": "иә", "pivot": "yes"},
        {"id": "7", "Target": "иә", "score": "1", "Pivot": "yes"},
        {"kaz": "иә", "eng": "yes"},
    ):
        row = load_pairs(named(tmp_path, form, **columns), "kaz", "eng", sides)[0]
        assert row == {"pivot": "yes", "target": "иә"}
    roles = ("anchor", "positive", "negative")
    source = named(tmp_path, form, negative="n", id="7", positive="p", anchor="a")
    assert load_pairs(source, "kaz", "eng", roles)[0] == {"anchor": "a", "positive": "p", "negative": "n"}
    assert load_first(source, "kaz", "eng")["text"][:] == ["a"]
    assert texts(Path(named(tmp_path, form, id="7", text="мәтін").path)) == ["мәтін"]
    assert texts(Path(named(tmp_path, form, sentence="мәтін").path)) == ["мәтін"]  # no other text appears
    assert load_words(named(tmp_path, form, translation="су", word="water"), "kaz", "eng") == [("water", "су")]
    six = {"positive": "P", "anchor": "A", "pivot_positive": "p", "pivot_anchor": "a"}
    names = [f"{code}_{role}" for code in ("eng", "kaz") for role in roles]
    row = load_cross_lingual(named(tmp_path, form, **six), "kaz", "eng", names)[0]
    assert list(row.values()) == ["a", "p", "", "A", "P", ""]


@pytest.mark.parametrize(
    "columns",
    [
        {"id": "7", "sentence1": "a", "sentence2": "b"},
        {"source": "a", "target": "b"},
        {"Anchor": "a", "ANCHOR": "b", "positive": "c"},
        {"positive": "b"},
    ],
)
def test_columns_whose_names_do_not_tell_are_refused_with_the_remedy(tmp_path: Path, columns: dict[str, str]) -> None:
    source = named(tmp_path, "jsonl", **columns)
    with pytest.raises(DataError) as caught:
        load_pairs(source, "kaz", "eng", ("anchor", "positive", "negative"))
    expected = "expected the columns anchor, positive, and perhaps negative"
    assert f"{expected}; found {', '.join(columns)}: name those to use, in this order, under 'columns'" in str(
        caught.value
    )
    with pytest.raises(DataError, match="expected the columns text; found"):
        load_text(named(tmp_path, "jsonl", id="7", sentence="a"), "kaz", "eng")


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("target\tpivot", ("pivot", "target")),
        ("eng\tkaz", ("pivot", "target")),
        ("id\tanchor\tpositive", ("anchor", "positive", "negative")),
    ],
)
def test_a_line_of_names_is_not_trained_on(tmp_path: Path, first: str, names: tuple[str, ...]) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"{first}\n" + "\t".join("abc"[: len(first.split("\t"))]) + "\n")
    with pytest.raises(DataError, match="its first line names columns .*under 'columns', in the order"):
        load_pairs(DataSource(path=str(path)), "kaz", "eng", names)


def test_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="two columns are called 'text'"):
        texts(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_deeply_nested_json_is_refused_before_the_parser_crashes(tmp_path: Path, name: str, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    content = f'{{"text": "a", "x": {deep}}}\n' if name == "a.jsonl" else f'[{{"text": "a", "x":\n{deep}}}]'
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=r"cannot be read as json.*nested too deeply"):
        texts(tmp_path / name)


def test_pipes_devices_and_folders_are_no_data(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "b.txt").symlink_to("/dev/zero")
    for name in ("a.txt", "b.txt"):
        with pytest.raises(DataError, match=f"{name} is a pipe or a device: write its content to a file"):
            texts(tmp_path / name)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "x.txt").write_text("a\n")
    with pytest.raises(DataError, match="does not exist|is a folder"):
        texts(tmp_path / "c")


def test_a_stage_refuses_data_that_was_replaced_while_it_ran(
    bases: Callable[[str], BaseEncoder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "deu.txt"
    data.write_text("\n".join(sample_sentences("deu")))
    recipe = parse_recipe(
        "stage1.py", "", [f"--output_dir={tmp_path / 'out'}", "--vocabulary.strategy=trim", f"--la.data.path={data}",
                          "--la.data.columns=null", "--phases=vocabulary,la"],
    )  # fmt: skip
    stage = Stage1(recipe, "deu")
    built = stage1.build_vocabulary

    def build(*given: Any, **options: Any) -> Any:
        data.write_text("\n".join(sample_sentences("kaz")))  # between the vocabulary phase's reading and LA's
        return built(*given, **options)

    monkeypatch.setattr(stage1, "build_vocabulary", build)
    with pytest.raises(DataError, match=r"deu\.txt was replaced after this run had begun"):
        stage.make(bases("bert"))
    assert not (tmp_path / "out" / "deu").exists()
    data.unlink()
    assert stage.data[0]["bytes"] > 0  # the card describes what was read, even if the file is gone at the end
    assert "dataset" not in stage.data[0]
