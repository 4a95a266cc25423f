"""What is asked of the Hub, and what is made of the rows it has, in the columns and splits of the real datasets."""

from __future__ import annotations

from typing import Any

import datasets
import pytest

from eval.benchmarks import BENCHMARKS, Source
from eval.benchmarks.data import Bitext, Choice, Classification, Data, Similarity
from eval.errors import EvaluationError

ROWS = 4
Asked = list[tuple[str, str | None, str, str | None]]

# Dataset on the Hub to its columns.
COLUMNS = {
    "mteb/stsb_multi_mt": ["sentence1", "sentence2", "similarity_score"],
    "dkoterwa/kor-sts": ["genre", "score", "sentence1", "sentence2"],
    "mteb/sts17-crosslingual-sts": ["sentence1", "sentence2", "score", "lang"],
    "mteb/sts22-crosslingual-sts": ["id", "score", "sentence1", "sentence2", "lang"],
    "maximedb/sick_nl": [
        "pair_ID", "sentence_A", "sentence_B", "relatedness_score", "sentence_A_original", "sentence_B_original",
    ],
    "sdadas/sick_pl": ["pair_ID", "sentence_A", "sentence_B", "relatedness_score", "entailment_judgment"],
    "SemRel/SemRel2024": ["sentence1", "sentence2", "label"],
    "mteb/sib200": ["index_id", "category", "text"],
    "mteb/FloresBitextMining": ["sentence_eng_Latn", "sentence_kaz_Cyrl"],
    "mteb/tatoeba-bitext-mining": ["sentence1", "sentence2"],
    "facebook/belebele": [
        "link", "question_number", "flores_passage", "question", "mc_answer1", "mc_answer2", "mc_answer3",
        "mc_answer4", "correct_answer_num",
    ],
}  # fmt: skip
_NUMBERS = {"similarity_score", "score", "relatedness_score", "label", "pair_ID", "question_number"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A stand-in for the Hub; each cell says where it is from."""
    calls: Asked = []

    def load_dataset(
        path: str, name: str | None = None, *, split: str, revision: str | None = None, **_: Any
    ) -> datasets.Dataset:
        calls.append((path, name, split, revision))
        if path not in COLUMNS:
            raise datasets.exceptions.DatasetNotFoundError(f"no {path}")
        values = {
            column: list(range(ROWS)) if column in _NUMBERS else [f"{name} {column} {row}" for row in range(ROWS)]
            for column in COLUMNS[path]
        }
        if path == "facebook/belebele":
            values |= {"link": ["a", "b", "c", "d"], "correct_answer_num": ["1", "2", "3", "4"]}
        return datasets.Dataset.from_dict(values)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return calls


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
        assert all(revision for *_, revision in asked)  # figures must not change when a dataset does


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
    with pytest.raises(EvaluationError, match=r"sick in Spanish is not on the Hub .* --data FOLDER, or leave spa out"):
        load("sick", ["eng", "spa"], "test")


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
    with pytest.raises(EvaluationError, match=r"mteb/sib200 .*cannot be fetched from the Hub .* --data FOLDER"):
        load("sib200", ["kaz"], "dev")
    monkeypatch.setitem(COLUMNS, "mteb/stsb_multi_mt", ["sentence1", "sentence2", "grade"])
    with pytest.raises(EvaluationError, match=r"no column 'similarity_score'; it has sentence1, sentence2, grade"):
        load("stsb", ["eng"], "dev")
    with pytest.raises(EvaluationError, match=r"kardes is not on the Hub: git clone .* --data FOLDER"):
        load("kardes", ["kaz"], "dev")
    with pytest.raises(EvaluationError, match=r"cs-cs of sts17 is not on the Hub: git clone .* or leave out ces"):
        load("sts17", ["ces"], "test")
