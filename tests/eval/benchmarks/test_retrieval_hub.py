"""The retrieval benchmarks, read by `datasets` from the stand-in for the Hub.

The subsets, splits, columns and kinds of file are those of the real datasets.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.benchmarks import BENCHMARKS, Source, find_benchmarks
from eval.benchmarks.data import Choice, Retrieval
from eval.errors import EvaluationError, MissingDataError
from eval.preparing import prepare
from tests.eval.encoders import Letters, scored
from tests.hub_server import HubServer
from tests.hub_server.data_sets import card, parquet, read_from

PASSAGES = {
    "deu": ["Die Brücke", "Die Mühle", "Die Brücke"],
    "tur": ["Köprü", "Değirmen", "Başka köprü"],
    "eng": ["The bridge", "The mill", "The ford"],
    "kaz": ["Көпір", "Диірмен", "Өткел"],
    "hau": ["Gada", "Niƙa", "Mashaya"],
}
ANSWERS = {"answer_start": [0], "text": ["x"]}


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def xquad(code: str) -> bytes:
    texts = PASSAGES[code]
    asked = [f"{text}?" for text in texts]
    return parquet(id=["a", "b", "c"], context=texts, question=asked, answers=[ANSWERS] * 3)


def asked(code: str, **columns: str) -> list[dict[str, Any]]:
    """Rows with an id, and each column as given, where `{}` stands for the passage."""
    return [
        {"id": name} | {column: form.format(text) for column, form in columns.items()}
        for name, text in zip("abc", PASSAGES[code], strict=True)
    ]


def belebele(code: str) -> bytes:
    """Two questions on the first passage, one on the second."""
    texts = PASSAGES[code]
    rows = [
        {"link": link, "question_number": number, "flores_passage": texts[passage], "question": f"{texts[number]}?"}
        | {f"mc_answer{answer}": f"{texts[0]} {answer}" for answer in range(1, 5)}
        | {"correct_answer_num": str(number), "dialect": code, "ds": "2023-05-03"}
        for link, passage, number in (("x", 0, 1), ("x", 0, 2), ("y", 1, 1))
    ]
    return lines(rows)


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:

        def publish(name: str, files: dict[str, bytes], **subsets: dict[str, str]) -> None:
            server.create(name)
            server.commit(name, {**({"README.md": card(subsets)} if subsets else {}), **files})

        publish(
            "google/xquad",
            {
                f"xquad.{own}/validation-00000-of-00001.parquet": xquad(code)
                for own, code in (("de", "deu"), ("tr", "tur"))
            },
            **{f"xquad.{own}": {"validation": f"xquad.{own}/validation-*"} for own in ("de", "tr")},
        )
        kazqad = asked("kaz", title="", context="{}", question="{}?")
        publish(
            "issai/kazqad",
            {"kazqad/validation.jsonl": lines([row | {"answers": ANSWERS} for row in kazqad])},
            kazqad={"validation": "kazqad/validation.jsonl"},
        )
        afriqa = [
            row | {"context": text, "answer_pivot": ANSWERS}
            for row, text in zip(asked("hau", title="", question_lang="{}?"), PASSAGES["eng"], strict=True)
        ]
        publish(
            "masakhane/afriqa-gold-passages",
            {"hau/validation-0.parquet": parquet(**{name: [row[name] for row in afriqa] for name in afriqa[0]})},
            hau={"validation": "hau/validation-*"},
        )
        names = {"eng_Latn": "eng", "kaz_Cyrl": "kaz"}
        publish(
            "facebook/belebele",
            {f"data/{own}.jsonl": belebele(code) for own, code in names.items()},
            **{own: {"test": f"data/{own}.jsonl"} for own in names},
        )
        rows = {
            "ru-corpus": {"id": ["1#0", "1#1"], "title": ["Мост", ""], "text": ["через реку", "Мельница"]},
            "ru-queries": {"id": ["7", "8"], "text": ["Где мост?", "Где брод?"]},
            "ru-qrels": {"query-id": ["7", "7", "8"], "corpus-id": ["1#0", "1#1", "1#1"], "score": [1, 0, 0]},
        }
        miracl = BENCHMARKS["miracl"]
        publish(
            str(miracl.hub_id),
            {f"{name}/dev-00000-of-00001.parquet": parquet(**columns) for name, columns in rows.items()},
            **{name: {"dev": f"{name}/dev-*"} for name in rows},
        )
        repo = server.repos[str(miracl.hub_id)]  # its commit gets the id that the benchmark asks for
        repo.commits[-1] = dataclasses.replace(repo.commits[-1], id=str(miracl.revision))
        repo.refs["main"] = str(miracl.revision)
        yield server


@pytest.fixture(autouse=True)
def connected(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_from(hub, tmp_path, monkeypatch)


def load(name: str, split: str, *languages: str) -> Any:
    (found,), _ = prepare(find_benchmarks([name]), split, None, languages, True)
    return found.data


def test_xquad_has_questions_and_paragraphs_in_any_two_languages() -> None:
    data = load("xquad", "test", "deu", "tur")
    assert isinstance(data, Retrieval)
    assert set(data.pairs) == {("deu", "deu"), ("deu", "tur"), ("tur", "deu"), ("tur", "tur")}
    across = data.pairs["tur", "deu"]
    assert across.queries == {"a": "Köprü?", "b": "Değirmen?", "c": "Başka köprü?"}
    assert across.passages == {"a": "Die Brücke", "b": "Die Mühle"}
    assert across.relevant == {"a": {"a": 1}, "b": {"b": 1}, "c": {"a": 1}}


def test_kazqad_asks_for_its_validation_part_as_development_data() -> None:
    found = load("kazqad", "dev", "kaz").pairs["kaz", "kaz"]
    assert found.queries["b"] == "Диірмен?"
    assert found.passages["b"] == "Диірмен"


def test_afriqa_asks_its_questions_on_english_passages() -> None:
    data = load("afriqa", "dev", "hau", "eng")
    assert list(data.pairs) == [("hau", "eng")]
    assert data.pairs["hau", "eng"].queries["b"] == "Niƙa?"
    assert data.pairs["hau", "eng"].passages["b"] == "The mill"


def test_belebele_is_read_as_choice_and_as_search() -> None:
    choice = load("belebele", "test", "eng", "kaz")
    assert isinstance(choice, Choice)
    assert choice.right.tolist() == [0, 1, 0]
    assert choice.candidates["kaz_Cyrl"][1][2] == "Өткел? Көпір 3"
    search = load("belebele-passages", "test", "eng", "kaz").pairs["kaz_Cyrl", "eng_Latn"]
    assert search.passages == {"x 1": "The bridge", "y 1": "The mill"}
    assert search.relevant == {"x 1": {"x 1": 1}, "x 2": {"x 1": 1}, "y 1": {"y 1": 1}}


def test_miracl_is_read_at_its_commit_without_the_judgements_that_deny() -> None:
    (found,), _ = prepare(find_benchmarks(["miracl"]), "dev", None, ["rus"], True)
    assert list(found.source.read) == [
        f"hf://datasets/{found.benchmark.hub_id}@{found.benchmark.revision}/ru-{part}/dev"
        for part in ("queries", "corpus", "qrels")
    ]
    data = found.data
    assert isinstance(data, Retrieval)
    assert data.pairs["rus", "rus"].passages == {"1#0": "Мост через реку", "1#1": "Мельница"}
    assert data.pairs["rus", "rus"].relevant == {"7": {"1#0": 1}}


def test_miracl_has_no_test_judgements() -> None:
    with pytest.raises(EvaluationError, match="miracl: it has no test split, only dev"):
        load("miracl", "test", "rus")


def test_a_clone_of_miracl_reads_as_the_hub_does(tmp_path: Path, hub: HubServer) -> None:
    miracl = BENCHMARKS["miracl"]
    there = Source(tmp_path / "clones")
    for path, content in hub.repos[str(miracl.hub_id)].at().files.items():
        file = tmp_path / "clones" / "MIRACLRetrievalHardNegatives" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert miracl.load(["rus"], "dev", there) == miracl.load(["rus"], "dev", Source())
    with pytest.raises(MissingDataError, match=r"\(de-queries, dev\) cannot be fetched"):
        miracl.load(["deu"], "dev", there)


def test_a_benchmark_on_the_hub_is_scored_like_any_other(tmp_path: Path) -> None:
    result = scored(Letters(), "xquad", tmp_path, split="test", languages=["deu", "tur"])
    assert result.origin.startswith("Hub google/xquad@")
    assert [figure.languages for figure in result.of("mono")] == [("deu",), ("tur",)]
    assert len(result.of("cross")) == 1


def test_a_dataset_that_needs_a_script_is_left_out_and_the_script_is_not_run(hub: HubServer) -> None:
    name = "masakhane/afriqa-gold-passages"
    files = dict.fromkeys(hub.repos[name].at().files) | {"afriqa-gold-passages.py": b"raise SystemExit('it was run')"}
    before = hub.repos[name].at().files
    hub.commit(name, files)
    try:
        with pytest.raises(
            EvaluationError, match=r"scripts are no longer supported.*git clone https://github"
        ) as caught:
            load("afriqa", "dev", "hau", "eng")
    finally:
        hub.commit(name, before | {"afriqa-gold-passages.py": None})
    assert "\n" not in str(caught.value)
