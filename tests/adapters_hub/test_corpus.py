"""Encoding corpora: the same bits for any number of processes, nothing encoded twice, nothing mixed up."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters_hub import AdaptersHubError, AutoLanguage, InputTextError, ModularEncoder
from adapters_hub.corpus import Corpus, encode_corpus
from adapters_hub.shards import FACTS_FILE, shards_of
from tests.adapters_hub.builders import make_language
from tests.adapters_hub.conftest import Bases, Shelf
from tests.conftest import ROOT, sample_sentences
from tests.forked import run_python


@pytest.fixture(scope="module")
def encoder(shelf: Shelf) -> ModularEncoder:
    return shelf.encoder(*shelf.folders)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of German and Kazakh, one with small row groups, and with some rows without text."""
    texts = [text for pair in zip(sample_sentences("deu"), sample_sentences("kaz"), strict=True) for text in pair][:90]
    texts[7], texts[20] = "", None  # type: ignore[call-overload]
    rows = {"id": list(range(90)), "text": texts, "code": ["deu", "kaz"] * 45}
    folder = tmp_path / "corpus"
    folder.mkdir()
    table = pa.table(rows)
    pq.write_table(table.slice(0, 50), folder / "a.parquet", row_group_size=7)
    pq.write_table(table.slice(50), folder / "b.parquet")
    return folder


def vectors(folder: Path) -> tuple[list[Any], list[Any]]:
    table = pq.read_table(folder)
    return table.column("id").to_pylist(), table.column("vector").to_pylist()


def test_every_row_has_the_vector_of_its_shard_and_rows_without_text_have_none(
    encoder: ModularEncoder, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus = Corpus.open([folder], "text", language_column="code")
    align = {"deu": "both"}
    done = encode_corpus(encoder, corpus, tmp_path / "out", align=align, rows_per_shard=16, empty="missing")
    assert done == 4 + 3
    ids, found = vectors(tmp_path / "out")
    assert ids == list(range(90))
    assert [row for row, vector in enumerate(found) if vector is None] == [7, 20]
    assert "2 rows have no text, and so no vector" in caplog.text
    whole = pq.read_table(folder).to_pydict()
    for start, stop in ((0, 16), (48, 50), (50, 66), (82, 90)):
        rows = [row for row in range(start, stop) if whole["text"][row]]
        expected = encoder.encode(
            [whole["text"][row] for row in rows], [whole["code"][row] for row in rows], align=align
        )
        np.testing.assert_array_equal(np.array([found[row] for row in rows], np.float32), expected)
    assert pq.read_schema(tmp_path / "out" / "part-000000.parquet").names == ["id", "code", "vector"]


def test_documents_have_the_prompt_of_documents_and_are_not_mixed_with_others(
    bases: Bases, folder: Path, tmp_path: Path
) -> None:
    base = bases("bert")
    modules = [make_language(base, tmp_path / code, code, 3, prompts={"document": "D: "}) for code in ("deu", "kaz")]
    encoder = ModularEncoder(base.copy(), [module.folder for module in modules], device="cpu")
    corpus = Corpus.open([folder], "text", language_column="code")
    encode_corpus(encoder, corpus, tmp_path / "out", prompt_name="document", empty="missing")
    _, found = vectors(tmp_path / "out")
    whole = pq.read_table(folder / "b.parquet").to_pydict()
    expected = encoder.encode_document(whole["text"], whole["code"])
    np.testing.assert_array_equal(np.array(found[50:], np.float32), expected)
    with pytest.raises(AdaptersHubError, match="prompt_name"):
        encode_corpus(encoder, corpus, tmp_path / "out", empty="missing")


def test_languages_of_rows_are_detected_and_the_settings_are_part_of_the_run(
    shelf: Shelf, encoder: ModularEncoder, folder: Path, tmp_path: Path
) -> None:
    corpus = Corpus.open([folder], "text", "auto")
    encode_corpus(encoder, corpus, tmp_path / "out", empty="missing")
    encode_corpus(encoder, Corpus.open([folder], "text", None, "code"), tmp_path / "told", empty="missing")
    assert vectors(tmp_path / "out") == vectors(tmp_path / "told")
    other = ModularEncoder(shelf.base.copy(), shelf.folders, device="cpu", auto=AutoLanguage(0.9))
    with pytest.raises(AdaptersHubError, match="auto"):
        encode_corpus(other, corpus, tmp_path / "out", empty="missing")


def test_shares_of_several_processes_are_the_whole_and_finished_shards_are_left(
    encoder: ModularEncoder, folder: Path, tmp_path: Path
) -> None:
    corpus = Corpus.open([folder], "text", language_column="code", keep=["id"])
    options: dict[str, Any] = {"rows_per_shard": 16, "empty": "missing"}
    encode_corpus(encoder, corpus, tmp_path / "one", **options)
    counts = [
        encode_corpus(encoder, corpus, tmp_path / "two", process=process, processes=2, **options) for process in (0, 1)
    ]
    assert counts == [4, 3]
    files = sorted(path.name for path in (tmp_path / "one").glob("*.parquet"))
    for name in files:
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    # A shard that was being written when a run was killed does not count.
    (tmp_path / "two" / files[2]).rename(tmp_path / "two" / f".{files[2]}.unfinished")
    assert encode_corpus(encoder, corpus, tmp_path / "two", **options) == 1
    assert (tmp_path / "two" / files[2]).read_bytes() == (tmp_path / "one" / files[2]).read_bytes()


def test_rows_without_text_are_refused_by_their_numbers_before_anything_is_encoded(
    encoder: ModularEncoder, folder: Path, tmp_path: Path
) -> None:
    corpus = Corpus.open([folder], "text", language_column="code")
    with pytest.raises(
        InputTextError, match=r"a\.parquet: rows 7, 20 have no text in the column 'text'.*--empty missing"
    ):
        encode_corpus(encoder, corpus, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_empty_row_needs_no_language(encoder: ModularEncoder, tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": ["Gut.", None, " "], "code": ["deu", None, "fin"]}), path)
    corpus = Corpus.open([path], "text", language_column="code")
    assert encode_corpus(encoder, corpus, tmp_path / "out", empty="missing") == 1
    assert [vector is None for vector in pq.read_table(tmp_path / "out")["vector"].to_pylist()] == [False, True, True]
    pq.write_table(pa.table({"text": ["Gut.", "Ja."], "code": ["deu", None]}), path)
    with pytest.raises(InputTextError, match=r"rows in no language \(null\)"):
        encode_corpus(encoder, Corpus.open([path], "text", language_column="code"), tmp_path / "other")


@pytest.mark.parametrize(
    "values",
    [
        pa.array([b"Gut.", b"Ja."]),
        pa.array([1, 2]),
        pa.array([["Gut."], ["Ja."]]),
        pa.array([1.5, None]),
        pa.array([{"text": "Gut."}, None]),
        pa.array([True, False]),
        pa.array([b"Gut.", b"Ja."]).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)
def test_columns_that_hold_no_text_are_refused_with_their_type(tmp_path: Path, values: pa.Array) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": values, "code": ["deu", "deu"], "words": ["Gut.", "Ja."]}), path)
    with pytest.raises(InputTextError, match=r"expected text in the column 'text', found "):
        Corpus.open([path], "text", "deu")
    with pytest.raises(InputTextError, match=r"expected text in the column 'text', found "):
        Corpus.open([path], "words", language_column="text")


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str)
def test_every_type_of_text_has_the_same_vectors(encoder: ModularEncoder, tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": pa.array(["Gut.", "Ja."]).cast(kind)}), path)
    encode_corpus(encoder, Corpus.open([path], "text", "deu"), tmp_path / "out")
    found = pq.read_table(tmp_path / "out")["vector"].to_pylist()
    np.testing.assert_array_equal(np.array(found, np.float32), encoder.encode(["Gut.", "Ja."], "deu"))


def test_text_that_is_no_utf_8_is_refused_with_its_row(encoder: ModularEncoder, tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    broken = pa.array([b"Gut.", "größer".encode("latin-1")]).view(pa.string())
    pq.write_table(pa.table({"text": broken}), path)
    with pytest.raises(InputTextError, match=r"in\.parquet: row 1 is not valid UTF-8"):
        encode_corpus(encoder, Corpus.open([path], "text", "deu"), tmp_path / "out")


def test_a_folder_begun_with_something_else_is_refused(encoder: ModularEncoder, folder: Path, tmp_path: Path) -> None:
    corpus = Corpus.open([folder / "b.parquet"], "text", language="kaz")
    encode_corpus(encoder, corpus, tmp_path / "out")
    with pytest.raises(AdaptersHubError, match=r"out was begun with vectors .*, now .*: choose another --output"):
        encode_corpus(encoder, corpus, tmp_path / "out", align={"kaz": "parallel"})
    with pytest.raises(AdaptersHubError, match=r"begun with type 'float32', now 'float16'"):
        encode_corpus(encoder, corpus, tmp_path / "out", half=True)
    (tmp_path / "out" / FACTS_FILE).unlink()
    with pytest.raises(AdaptersHubError, match="holds other Parquet files already"):
        encode_corpus(encoder, corpus, tmp_path / "out")


@pytest.mark.parametrize("damage", ["empty", "half", "zeroed", "one bit", "all zeros"])
def test_a_damaged_shard_is_encoded_again(
    encoder: ModularEncoder, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    corpus = Corpus.open([folder / "b.parquet"], "text", language="kaz")
    encode_corpus(encoder, corpus, tmp_path / "out", rows_per_shard=16)
    shard = tmp_path / "out" / "part-000001.parquet"
    whole = shard.read_bytes()
    middle = len(whole) // 2
    damaged = {
        "empty": b"",
        "half": whole[:middle],
        "zeroed": whole[:middle] + bytes(512) + whole[middle + 512 :],
        "one bit": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
        "all zeros": bytes(len(whole)),
    }
    shard.write_bytes(damaged[damage])
    assert encode_corpus(encoder, corpus, tmp_path / "out", rows_per_shard=16) == 1
    assert shard.read_bytes() == whole
    assert "part-000001.parquet is damaged" in caplog.text


def test_a_shard_of_something_else_is_not_taken_for_a_finished_one(
    encoder: ModularEncoder, folder: Path, tmp_path: Path
) -> None:
    corpus = Corpus.open([folder / "b.parquet"], "text", language="kaz")
    encode_corpus(encoder, corpus, tmp_path / "out", rows_per_shard=20)
    shards = sorted((tmp_path / "out").glob("*.parquet"))
    shards[0].write_bytes(shards[1].read_bytes())
    with pytest.raises(
        AdaptersHubError, match=r"part-000000\.parquet belongs to another encoding: choose another --output"
    ):
        encode_corpus(encoder, corpus, tmp_path / "out", rows_per_shard=20)


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "[" * 100_000, "\x00" * 300])
def test_damaged_facts_are_written_anew_where_the_shards_fit(
    encoder: ModularEncoder, folder: Path, tmp_path: Path, content: str
) -> None:
    corpus = Corpus.open([folder / "b.parquet"], "text", language="kaz")
    encode_corpus(encoder, corpus, tmp_path / "out")
    facts = (tmp_path / "out" / FACTS_FILE).read_bytes()
    (tmp_path / "out" / FACTS_FILE).write_text(content)
    assert encode_corpus(encoder, corpus, tmp_path / "out") == 0
    assert (tmp_path / "out" / FACTS_FILE).read_bytes() == facts
    (tmp_path / "out" / FACTS_FILE).write_text(content)
    with pytest.raises(AdaptersHubError, match="belongs to another encoding"):
        encode_corpus(encoder, corpus, tmp_path / "out", half=True)


def test_input_that_changed_is_not_mixed_in(
    encoder: ModularEncoder, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "b.parquet"
    before, date = path.read_bytes(), path.stat()

    def replace(content: bytes) -> None:
        """Replace a file by one of the same size and date."""
        path.write_bytes(content)
        os.utime(path, ns=(date.st_atime_ns, date.st_mtime_ns))

    corpus = Corpus.open([path], "text", language="kaz")
    encode_corpus(encoder, corpus, tmp_path / "out", rows_per_shard=16)
    (tmp_path / "out" / "part-000001.parquet").unlink()
    replace(before.replace(b"1", b"2"))  # somewhere in the text, or in the file's metadata
    with pytest.raises(AdaptersHubError):
        encode_corpus(encoder, corpus, tmp_path / "out", rows_per_shard=16)
    replace(before)
    assert encode_corpus(encoder, corpus, tmp_path / "out", rows_per_shard=16) == 1

    encode = encoder.encode

    def slow(*given: Any, **options: Any) -> np.ndarray:
        replace(before)  # even with the same content, which can no longer be verified
        return encode(*given, **options)

    monkeypatch.setattr(encoder, "encode", slow)
    with pytest.raises(InputTextError, match=r"b\.parquet was changed while it was encoded: start again"):
        encode_corpus(encoder, corpus, tmp_path / "meanwhile", rows_per_shard=16)


def test_hidden_files_are_no_data_and_pipes_no_files(folder: Path, tmp_path: Path) -> None:
    for name in ("_x.parquet", ".y.parquet"):
        (folder / name).write_bytes(b"no parquet")
    assert [path.name for path in Corpus.open([folder], "text", "deu").files] == ["a.parquet", "b.parquet"]
    os.mkfifo(tmp_path / "p.parquet")
    with pytest.raises(InputTextError, match=r"p\.parquet is a pipe or a device"):
        Corpus.open([tmp_path / "p.parquet"], "text", "deu")
    twice = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["text", "more", "more"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(InputTextError, match=r"twice\.parquet: two columns are called 'more'"):
        Corpus.open([tmp_path / "twice.parquet"], "text", "deu")


def test_an_output_that_cannot_be_written_is_told(encoder: ModularEncoder, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdaptersHubError, match="was not written"):
        encode_corpus(encoder, Corpus.open([folder], "text", "deu"), tmp_path / "file" / "out", empty="missing")


def test_mistakes_are_found_before_anything_is_encoded(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ({"text": "body", "language": "deu"}, r"a\.parquet has no column 'body'; it has id, text, code"),
        ({"text": "text"}, r"either one language for all rows \(--language\) or a column"),
        ({"text": "text", "language": "deu", "language_column": "code"}, "either one language"),
        ({"text": "text", "language": "deu", "keep": ["title"]}, "has no column 'title'"),
        ({"text": "text", "language": "deu", "keep": ["id", "vector"]}, "column 'vector' cannot be kept: .* rename it"),
    ):
        with pytest.raises(InputTextError, match=message):
            Corpus.open([folder], **arguments)  # type: ignore[arg-type]
    with pytest.raises(InputTextError, match=r"no \.parquet file in"):
        Corpus.open([tmp_path], "text", "deu")
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputTextError, match=r"x\.parquet cannot be read as Parquet"):
        Corpus.open([tmp_path / "x.parquet"], "text", "deu")
    corpus = Corpus.open([folder], "text", language_column="code")
    with pytest.raises(InputTextError, match=r"there are rows in kaz, which is not loaded \(loaded: deu\)"):
        encode_corpus(shelf.encoder(shelf.deu.folder), corpus, tmp_path / "out", empty="missing")
    assert not (tmp_path / "out").exists()


def test_a_corpus_with_vectors_is_encoded_anew(
    encoder: ModularEncoder, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encode_corpus(
        encoder, Corpus.open([folder], "text", "deu", keep=["id", "text"]), tmp_path / "first", empty="missing"
    )
    assert "left out" not in caplog.text
    corpus = Corpus.open([tmp_path / "first"], "text", "kaz")
    assert "the column 'vector' of the input is left out: the new vectors take its name; rename it" in caplog.text
    encode_corpus(encoder, corpus, tmp_path / "second", empty="missing")
    direct_corpus = Corpus.open([folder], "text", "kaz", keep=["id"])
    encode_corpus(encoder, direct_corpus, tmp_path / "direct", empty="missing")
    second, direct = (pq.read_table(tmp_path / name) for name in ("second", "direct"))
    assert second.equals(direct)


def test_shards_do_not_cross_files_and_cover_every_row(folder: Path) -> None:
    files = sorted(folder.glob("*.parquet"))
    shards = shards_of(files, 20)
    assert [(shard.path.name, shard.start, shard.stop) for shard in shards] == [
        ("a.parquet", 0, 20), ("a.parquet", 20, 40), ("a.parquet", 40, 50),
        ("b.parquet", 0, 20), ("b.parquet", 20, 40),
    ]  # fmt: skip
    ids = [number for shard in shards for number in shard.read(["id"]).column("id").to_pylist()]
    assert ids == list(range(90))


def test_two_launched_processes_write_what_one_command_writes(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    options = [
        *("encode", str(folder), "--language-column", "code", "--rows-per-shard", "16"),
        *("--empty", "missing", "--precision", "float32"),
        *(part for module in (shelf.deu, shelf.kaz, shelf.deu_both) for part in ("--module", str(module.folder))),
    ]  # fmt: skip
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

    one = run_python("-m", "adapters_hub", *options, "--output", "one", env=environment, cwd=tmp_path)
    assert (one.returncode, one.stdout) == (0, "7 shards encoded; vectors in one\n"), one.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    # The launcher is not forked: the program reads the command line of the process that started it.
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--cpu", "--num_processes", "2"]
    launch += ["--main_process_port", port, "-m", "adapters_hub", *options, "--output", "two"]
    two = subprocess.run(launch, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert two.returncode == 0, two.stderr
    assert sorted(two.stdout.splitlines()) == [
        "process 0 of 2: 4 shards encoded; vectors in two",
        "process 1 of 2: 3 shards encoded; vectors in two",
    ]
    for path in (tmp_path / "one").glob("*.parquet"):
        assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes()
