"""A stand-in for the Hub, with rows in the columns and splits of the real datasets."""

from __future__ import annotations

from typing import Any

import datasets
import pytest

from eval.benchmarks.hub import Hub

ROWS = 4
Asked = list[tuple[str, str | None, str, str | None]]

# Maps a dataset on the Hub to its columns.
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
    """A stand-in for the Hub; each cell names its dataset, subset, split and column."""
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
    monkeypatch.setattr(Hub, "silence", None)
    return calls
