"""Requests to the Hub, and the data made from its rows, in the columns and splits of the real datasets."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest

from eval.benchmarks import BENCHMARKS, Source
from eval.benchmarks.data import Bitext, Choice, Classification, Data, Similarity
from eval.benchmarks.hub import Hub
from eval.errors import MissingDataError
from tests.eval.benchmarks.hub import COLUMNS, ROWS, Asked, asked

__all__ = ["asked"]  # a fixture


def load(name: str, languages: list[str], split: str) -> Data:
    benchmark = BENCHMARKS[name]
    benchmark.check_split(split, Source())
    found, lacking = benchmark.select(languages, split, Source())
    assert not lacking
    return benchmark.load(found, split, Source())


@pytest.mark.parametrize(
    ("name", "languages", "split", "dataset", "subsets", "theirs"),
    [
        ("stsb", ["eng", "zho"], "dev", "mteb/stsb_multi_mt", ["en", "zh"], "dev"),
        ("korsts", ["kor"], "dev", "dkoterwa/kor-sts", [None], "valid"),
        ("korsts", ["kor"], "test", "dkoterwa/kor-sts", [None], "test"),
        ("sts17", ["eng", "arb"], "test", "mteb/sts17-crosslingual-sts", ["ar-ar", "en-ar", "en-en"], "test"),
        ("sts22", ["pol", "eng"], "test", "mteb/sts22-crosslingual-sts", ["en", "pl", "pl-en"], "test"),
        ("sick", ["eng", "nld"], "dev", "maximedb/sick_nl", [None, None], "validation"),
        ("sick", ["pol"], "test", "sdadas/sick_pl", [None], "test"),
        ("semrel", ["amh", "hau"], "dev", "SemRel/SemRel2024", ["amh", "hau"], "dev"),
        ("sib200", ["kaz"], "dev", "mteb/sib200", ["kaz_Cyrl", "kaz_Cyrl"], "validation"),
        ("flores", ["eng", "kaz"], "test", "mteb/FloresBitextMining", [None], "devtest"),
        ("tatoeba", ["zho", "eng"], "test", "mteb/tatoeba-bitext-mining", ["cmn-eng"], "test"),
        ("belebele", ["eng", "kaz"], "test", "facebook/belebele", ["eng_Latn", "kaz_Cyrl"], "test"),
    ],
)
def test_each_benchmark_asks_for_its_datasets_under_their_own_names(
    asked: Asked, name: str, languages: list[str], split: str, dataset: str, subsets: list[str | None], theirs: str
) -> None:
    load(name, languages, split)
    assert {path for path, *_ in asked} == {dataset}
    assert [subset for _, subset, _, _ in asked] == subsets
    assert {part for _, _, part, _ in asked} - {"train"} == {theirs}
    if dataset.startswith("mteb/"):
        assert all(revision for *_, revision in asked)  # figures must not change with the dataset


def test_rows_become_pairs_within_and_across(asked: Asked) -> None:
    data = load("stsb", ["eng", "zho"], "dev")
    assert isinstance(data, Similarity)
    assert data.pairs["eng", "zho"].first[1] == "en sentence1 1"
    assert data.pairs["eng", "zho"].second[1] == "zh sentence2 1"
    assert data.pairs["eng", "zho"].gold.tolist() == [0, 1, 2, 3]
    tracks = load("sts17", ["eng", "arb"], "test")
    assert isinstance(tracks, Similarity)
    assert set(tracks.pairs) == {("arb", "arb"), ("eng", "arb"), ("eng", "eng")}
    assert tracks.pairs["eng", "arb"].second[3] == "en-ar sentence2 3"


def test_sick_has_english_beside_dutch_and_no_spanish(asked: Asked) -> None:
    data = load("sick", ["eng", "nld", "pol"], "test")
    assert isinstance(data, Similarity)
    assert data.pairs["eng", "nld"].first[2] == "None sentence_A_original 2"
    assert data.pairs["eng", "nld"].second[2] == "None sentence_B 2"
    assert BENCHMARKS["sick"].select(["eng", "spa"], "test", Source()) == (["eng"], ["spa"])


def test_rows_become_texts_with_labels_translations_and_questions(asked: Asked) -> None:
    topics, translations = load("sib200", ["kaz"], "test"), load("flores", ["eng", "kaz"], "dev")
    assert isinstance(topics, Classification)
    assert topics.languages["kaz_Cyrl"].test_labels[1] == "kaz_Cyrl category 1"
    assert isinstance(translations, Bitext)
    assert translations.pairs["eng_Latn", "kaz_Cyrl"][1][0] == "None sentence_kaz_Cyrl 0"
    questions = load("belebele", ["eng", "kaz"], "test")
    assert isinstance(questions, Choice)
    assert questions.candidates["kaz_Cyrl"][1][2] == "kaz_Cyrl question 1 kaz_Cyrl mc_answer3 1"
    assert questions.right.tolist() == [0, 1, 2, 3]


def test_what_the_hub_lacks_is_told_in_one_line(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(COLUMNS, "mteb/sib200")
    with pytest.raises(MissingDataError, match=r"^mteb/sib200 \(kaz_Cyrl, train\) cannot be fetched: no mteb"):
        load("sib200", ["kaz"], "dev")
    monkeypatch.setitem(COLUMNS, "mteb/stsb_multi_mt", ["sentence1", "sentence2", "grade"])
    with pytest.raises(MissingDataError, match=r"no column 'similarity_score'; it has sentence1, sentence2, grade"):
        load("stsb", ["eng"], "dev")


def test_tracks_that_the_hub_lacks_are_left_out_by_name(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    assert BENCHMARKS["sts17"].select(["ces", "eng", "deu"], "test", Source()) == (["eng", "deu"], ["ces"])
    data = load("sts17", ["eng", "deu"], "test")
    assert isinstance(data, Similarity)
    assert set(data.pairs) == {("eng", "eng"), ("eng", "deu")}
    assert "sts17: tracks de-de, de-en are missing: " in caplog.text
    with pytest.raises(MissingDataError, match="no pairs within deu; its tracks are ar-ar, en-ar"):
        load("sts17", ["deu"], "test")


def test_a_clone_of_a_dataset_reads_as_the_hub_does_wherever_it_lies(tmp_path: Path) -> None:
    reads = []
    for place in ("one", "other"):
        clone = tmp_path / place / "sts22-crosslingual-sts"
        (clone / "data").mkdir(parents=True)
        (clone / "README.md").write_text(
            "---\nconfigs:\n- config_name: en\n  data_files:\n  - split: test\n    path: data/en.jsonl\n---\n",
            encoding="utf-8",
        )
        rows = [{"sentence1": f"One {row}.", "sentence2": f"Two {row}.", "score": row} for row in range(ROWS)]
        (clone / "data/en.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        source = Source(tmp_path / place)
        assert BENCHMARKS["sts22"].languages(source, "test")
        data = BENCHMARKS["sts22"].load(["eng"], "test", source)
        assert isinstance(data, Similarity)
        assert data.pairs["eng", "eng"].second[1] == "Two 1."
        with pytest.raises(MissingDataError, match=r"sts22-crosslingual-sts \(de, test\) cannot be fetched"):
            BENCHMARKS["sts22"].load(["deu"], "test", source)
        reads.append(source.read)
    assert list(reads[0]) == ["sts22-crosslingual-sts/en/test"]
    assert reads[0] == reads[1]


def test_a_file_here_is_not_read_in_place_of_a_dataset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kor-sts.py").write_text("raise SystemExit('run')", encoding="utf-8")
    monkeypatch.setattr(Hub, "silence", None)
    with pytest.raises(MissingDataError, match=r"kor-sts\.py is also a file or folder in the working"):
        Hub().fetch(str(tmp_path / "kor-sts.py"), None, None, "test")


@pytest.mark.parametrize("there", [True, False])
def test_a_hub_is_asked_once_whether_it_answers(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    requests: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:  # the name that http.server requires
            requests.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but not listening
        port = server.server_port if there else closed.getsockname()[1]
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub = Hub()
        try:
            assert [hub.silence, hub.silence] == [None if there else "does not answer"] * 2
        finally:
            server.shutdown()
            server.server_close()
    assert len(requests) == there


def test_a_hub_that_does_not_answer_is_not_asked_for_each_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "silence", "does not answer")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    with pytest.raises(
        MissingDataError,
        match="^mteb/sib200 cannot be fetched from the Hub, which does not answer, and it is not in the cache$",
    ):
        Hub().fetch("mteb/sib200", None, "kaz_Cyrl", "test")
    assert not datasets.config.HF_HUB_OFFLINE
    assert not huggingface_hub.constants.HF_HUB_OFFLINE


def test_rows_of_another_commit_than_the_one_of_the_benchmark_are_not_taken(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned, other = str(BENCHMARKS["stsb"].revision), "0" * 40
    for commit in (pinned, other):
        address = f"hf://datasets/mteb/stsb_multi_mt@{commit}/en/dev.parquet"
        monkeypatch.setattr(datasets.Dataset, "download_checksums", {address: {}})
        if commit == pinned:
            load("stsb", ["eng"], "dev")
            continue
        monkeypatch.setattr(Hub, "silence", "does not answer")
        with pytest.raises(MissingDataError, match=f"the cache has revision {other} instead of {pinned}"):
            load("stsb", ["eng"], "dev")


def test_what_was_read_is_remembered_with_revision_and_content(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(name: str, languages: list[str]) -> dict[str, str]:
        source = Source()
        BENCHMARKS[name].load(languages, "dev", source)
        return source.read

    (first,) = read("stsb", ["eng"])
    assert first == f"hf://datasets/mteb/stsb_multi_mt@{BENCHMARKS['stsb'].revision}/en/dev"
    # The same dataset in two languages, in either order.
    assert read("sick", ["eng", "nld"]) == read("sick", ["nld", "eng"])
    commit = "3" * 40
    address = f"hf://datasets/SemRel/SemRel2024@{commit}/hau/dev.parquet"
    monkeypatch.setattr(datasets.Dataset, "download_checksums", {address: {}})
    found = read("semrel", ["hau"])
    assert list(found) == [f"hf://datasets/SemRel/SemRel2024@{commit}/hau/dev"]
    monkeypatch.setitem(COLUMNS, "SemRel/SemRel2024", ["sentence1", "sentence2", "label", "score"])
    assert list(read("semrel", ["hau"])) == list(found)
    assert read("semrel", ["hau"]) != found


def test_a_folder_with_the_name_of_a_data_set_is_not_read_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mteb" / "sib200").mkdir(parents=True)
    (tmp_path / "mteb" / "sib200" / "test.jsonl").write_text('{"text": "a", "category": "b"}\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDataError, match="mteb/sib200 is also a file or folder in the working"):
        Hub().fetch("mteb/sib200", None, None, "test")
