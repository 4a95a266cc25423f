from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from eval.benchmarks import BENCHMARKS, Source, find_benchmarks
from eval.benchmarks.data import Collection, Retrieval
from eval.encoders import CachedEncoder, Role
from eval.errors import EvaluationError, MissingDataError
from eval.run import Run, run
from eval.tasks import Figure, score
from tests.eval.encoders import Letters, scored


class Placed(Letters):
    """Places each text at the angle, in degrees, that it names."""

    def encode(self, sentences: Sequence[str], language: str, across: bool, role: Role | None = None) -> np.ndarray:
        self.roles = {*getattr(self, "roles", set()), (role, language, across)}
        angles = np.radians([float(text.split()[-1]) for text in sentences])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def collection(queries: Sequence[float], passages: Sequence[float], relevant: dict[int, list[int]]) -> Collection:
    return Collection(
        {f"q{number}": f"query {angle}" for number, angle in enumerate(queries)},
        {f"p{number}": f"passage {angle}" for number, angle in enumerate(passages)},
        {f"q{query}": {f"p{number}": 1 for number in numbers} for query, numbers in relevant.items()},
    )


def values(data: Retrieval, *languages: str) -> dict[str, float]:
    figures = score(data, CachedEncoder(Placed(), None), 50, 0)
    return {figure.name: figure.value for figure in figures if figure.languages == languages}


def test_the_measures_are_those_of_the_definitions() -> None:
    # The answers of the three queries are at ranks 1, 3 and 12, and the third query has a second answer at rank 1.
    passages = [float(angle) for angle in range(0, 60, 4)]
    data = Retrieval({("kaz", "kaz"): collection([0, 0, 0], passages, {0: [0], 1: [2], 2: [11, 0]})})
    found = values(data, "kaz")
    ideal = 1 + 1 / np.log2(3)
    assert found["mono"] == pytest.approx(100 * np.mean([1, 1 / np.log2(4), 1 / ideal]))
    assert found["mono_mrr_at_10"] == pytest.approx(100 * np.mean([1, 1 / 3, 1]))
    assert found["mono_recall_at_1"] == pytest.approx(100 * np.mean([1, 0, 0.5]))
    assert found["mono_recall_at_10"] == pytest.approx(100 * np.mean([1, 1, 0.5]))
    assert found["mono_recall_at_100"] == pytest.approx(100)


def test_an_answer_beyond_the_tenth_place_has_no_reciprocal_rank() -> None:
    data = Retrieval({("kaz", "kaz"): collection([0], [float(angle) for angle in range(0, 60, 4)], {0: [11]})})
    found = values(data, "kaz")
    assert found["mono"] == found["mono_mrr_at_10"] == found["mono_recall_at_10"] == 0
    assert found["mono_recall_at_100"] == 100


def test_queries_and_passages_are_encoded_as_such_and_aligned_across_languages_only() -> None:
    within, across = collection([0], [0, 10], {0: [0]}), collection([0], [0, 10], {0: [1]})
    encoder = Placed()
    score(Retrieval({("hau", "hau"): within, ("hau", "eng"): across}), CachedEncoder(encoder, None), 20, 0)
    assert encoder.roles == {
        ("query", "hau", False), ("document", "hau", False), ("query", "hau", True), ("document", "eng", True),
    }  # fmt: skip


def test_a_text_is_cached_for_each_role(tmp_path: Path) -> None:
    cached = CachedEncoder(Letters(), tmp_path)
    for role in (None, "query", "document", "query"):
        cached(["one text"], "eng", role=role)
    assert cached.encoded == 3


def test_both_directions_of_a_pair_are_averaged_and_a_single_one_stands_for_itself() -> None:
    good, bad = collection([0], [0, 10], {0: [0]}), collection([0], [0, 10], {0: [1]})
    figures = score(Retrieval({("deu", "eng"): good, ("eng", "deu"): bad, ("hau", "eng"): bad}),
                    CachedEncoder(Placed(), None), 20, 0)  # fmt: skip
    found = {figure.languages: figure.value for figure in figures if figure.name == "cross"}
    second = 100 / np.log2(3)
    assert found[("deu", "eng")] == pytest.approx((100 + second) / 2)
    assert found[("hau", "eng")] == pytest.approx(second)
    assert found[()] == pytest.approx(np.mean([found[("deu", "eng")], found[("hau", "eng")]]))


def test_the_bootstrap_draws_queries() -> None:
    data = Retrieval({("kaz", "kaz"): collection([0] * 40, [0, 10], {n: [n % 2] for n in range(40)})})
    (figure,) = [
        f for f in score(data, CachedEncoder(Placed(), None), 400, 0) if f.name == "mono_recall_at_1" and f.languages
    ]
    low, high = figure.interval
    assert figure.size == 40
    assert low < figure.value == 50 < high
    assert high - low == pytest.approx(2 * 1.96 * 50 / np.sqrt(40), rel=0.2)


def test_judgements_of_passages_that_do_not_exist_are_refused() -> None:
    with pytest.raises(EvaluationError, match=r"the judgements of query 'q0' name passage 'p5', which does not exist"):
        collection([0], [0], {0: [5]})
    with pytest.raises(EvaluationError, match=r"the judgements name query 'q3', which does not exist"):
        collection([0], [0], {3: [0]})


def write_beir(folder: Path, **changes: str) -> Path:
    files = {
        "corpus.jsonl": '{"_id": "a", "title": "Ночной рынок", "text": "открыт до полуночи"}\n'
        '{"_id": "b", "text": "закрыт"}\n',
        "queries.jsonl": '{"_id": "1", "text": "до скольки рынок?"}\n{"_id": "2", "text": "без ответа"}\n',
        "qrels/dev.tsv": "query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb\t0\n",
    } | changes
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_folder_in_beirs_form_is_a_benchmark_by_its_path(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "market")
    (benchmark,) = find_benchmarks([f"rus={folder}"])
    data = benchmark.load(["rus"], "dev", Source(folder))
    assert isinstance(data, Retrieval)
    found = data.pairs["rus", "rus"]
    assert found.passages == {"a": "Ночной рынок открыт до полуночи", "b": "закрыт"}
    assert found.relevant == {"1": {"a": 2}}
    result = scored(Letters(), f"rus={folder}", tmp_path / "out")
    assert result.benchmark == "market"
    assert result.of("mono")[0].languages == ("rus",)


def test_a_folder_may_have_questions_in_one_language_and_passages_in_another(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "market")
    result = scored(Letters(), f"hau-eng={folder}", tmp_path / "out")
    assert result.of("cross")[0].languages == ("hau", "eng")
    assert not result.of("mono")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus.jsonl": '{"_id": "a"}\n'}, r"corpus\.jsonl, line 1: expected JSON with _id, text"),
        ({"queries.jsonl": '{"_id": "1", "text": 7}\n'}, r"query '1' is not a text but 7"),
        ({"queries.jsonl": "not JSON\n"}, r"queries\.jsonl, line 1: expected JSON with _id, text"),
        ({"qrels/dev.tsv": "query-id\tcorpus-id\tscore\n1\ta\tyes\n"}, r"dev\.tsv, line 2: the score 'yes' is not"),
        ({"qrels/dev.tsv": "query\tpassage\n1\ta\n"}, r"row 1: expected the columns query-id, corpus-id, score"),
        ({"qrels/dev.tsv": "query-id\tcorpus-id\tscore\n1\tz\t1\n"}, r"query '1' name passage 'z', which does not"),
        ({"qrels/dev.tsv": "query-id\tcorpus-id\tscore\n1\ta\t0\n"}, r"no query has a relevant passage"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(changes: dict[str, str], message: str, tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "market", **changes)
    with pytest.raises(EvaluationError, match=message):
        run([Letters()], Run(find_benchmarks([f"rus={folder}"]), "dev", tmp_path / "out"))


def test_empty_texts_are_left_out_with_what_only_they_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    changes = {
        "corpus.jsonl": '{"_id": "a", "text": " "}\n{"_id": "b", "text": "закрыт"}\n',
        "queries.jsonl": '{"_id": "1", "text": "рынок?"}\n{"_id": "2", "text": "?"}\n{"_id": "3", "text": null}\n',
        "qrels/dev.tsv": "query-id\tcorpus-id\tscore\n1\ta\t1\n2\ta\t1\n2\tb\t1\n3\tb\t1\n",
    }
    result = scored(Letters(), f"rus={write_beir(tmp_path / 'market', **changes)}", tmp_path / "out")
    assert [figure.size for figure in result.of("mono")] == [1]
    assert "1 of 2 passages are empty, and 2 of 3 queries are, or have no other answer: left out" in caplog.text


@pytest.mark.parametrize("text", ["rus=", "=folder", "rus=nowhere"])
def test_what_is_no_folder_in_beirs_form_is_refused(text: str) -> None:
    with pytest.raises(EvaluationError, match=r"LANGUAGE=FOLDER|in BEIR's form at nowhere: expected corpus"):
        find_benchmarks([text])


def test_a_split_that_the_folder_lacks_is_refused(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "market")
    with pytest.raises(EvaluationError, match=r"it has no test split, only dev"):
        run([Letters()], Run(find_benchmarks([f"rus={folder}"]), "test", tmp_path / "out"))


def write_clones(folder: Path) -> Path:
    def xquad(*texts: str) -> str:
        paragraphs = [
            {"context": text, "qas": [{"id": f"{row}{part}", "question": f"{text} {part}?"} for part in "ab"]}
            for row, text in enumerate(texts)
        ]
        return json.dumps({"data": [{"paragraphs": paragraphs[:1]}, {"paragraphs": paragraphs[1:]}]})

    files = {
        "xquad/xquad.de.json": xquad("Brücke", "Mühle", "Brücke"),
        "xquad/xquad.tr.json": xquad("köprü", "değirmen", "başka köprü"),
        "KazQAD/data/reading-comprehension/kazqad-reading-comprehension-v1.0-kk-validation.jsonl": "".join(
            json.dumps({"id": name, "question": f"{text}?", "context": text, "title": ""}) + "\n"
            for name, text in (("x", "көпір"), ("y", "диірмен"), ("z", "көпір"))
        ),
        "afriqa/data/gold_passages/hau/gold_span_passages.afriqa.hau.en.dev.json": "".join(
            json.dumps({"id": str(row), "question_lang": f"{text}?", "context": f"the {text}", "title": ""}) + "\n"
            for row, text in enumerate(("gada", "niƙa"))
        ),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def load(name: str, folder: Path, *wanted: str) -> Retrieval:
    source, benchmark = Source(folder), BENCHMARKS[name]
    found, _ = benchmark.select(wanted, "dev", source)
    data = benchmark.load(found, "dev", source)
    assert isinstance(data, Retrieval)
    return data


def test_a_paragraph_that_occurs_twice_is_one_passage_with_all_its_questions(tmp_path: Path) -> None:
    data = load("xquad", write_clones(tmp_path), "deu", "tur")
    german = data.pairs["deu", "deu"]
    assert len(german.passages) == 2
    assert set(german.relevant) == {"0a", "0b", "1a", "1b", "2a", "2b"}
    assert german.relevant["2b"] == german.relevant["0a"]
    turkish = data.pairs["deu", "tur"]
    assert [turkish.passages[name] for name in turkish.relevant["2a"]] == ["başka köprü"]
    assert turkish.queries["2a"] == "Brücke a?"
    kazakh = load("kazqad", tmp_path, "kaz").pairs["kaz", "kaz"]
    assert kazakh.relevant == {"x": {"x": 1}, "y": {"y": 1}, "z": {"x": 1}}


def test_questions_on_english_passages_need_both_languages(tmp_path: Path) -> None:
    assert list(load("afriqa", write_clones(tmp_path), "hau", "eng").pairs) == [("hau", "eng")]
    with pytest.raises(MissingDataError, match=r"no query has a relevant passage in its languages"):
        load("afriqa", tmp_path, "hau")


def test_the_sample_data_has_answers_in_every_language(tmp_path: Path) -> None:
    result = scored(Letters(), "sample-search", tmp_path, languages=["eng", "kaz"])
    assert [figure.languages for figure in result.of("mono")] == [("eng",), ("kaz",)]
    assert len(result.of("cross")) == 1
    assert all(isinstance(figure, Figure) and 0 < figure.value <= 100 for figure in result.of("mono"))
