"""MTEB's code and ours give the same figures for the same files and the same encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import mteb
import pytest
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata

from adapters_hub import ModularEncoder
from adapters_hub.bridges import MTEBEncoder
from eval.encoders import as_encoder
from tests.adapters_hub.conftest import Shelf, bases, shelf
from tests.conftest import ROOT
from tests.eval.encoders import scored

__all__ = ["bases", "shelf"]  # fixtures

FILE = ROOT / "sample_data" / "graded" / "dev.tsv"
LANGUAGES = {"eng": ["eng-Latn"], "deu": ["deu-Latn"], "kaz": ["kaz-Cyrl"]}


@pytest.fixture
def encoder(shelf: Shelf) -> ModularEncoder:
    return shelf.encoder(shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder, shelf.kaz.folder)


def graded_pairs(cache: Path) -> AbsTaskSTS:
    """An MTEB task on the graded pairs of the sample data."""

    class Graded(AbsTaskSTS):
        metadata = TaskMetadata(
            name="Graded",
            description="From disk.",
            dataset={"path": str(FILE), "revision": "1"},
            type="STS",
            category="t2t",
            modalities=["text"],
            eval_splits=["test"],
            eval_langs=LANGUAGES,
            main_score="cosine_spearman",
        )

        def load_data(self, *args: Any, **kwargs: Any) -> None:
            rows = datasets.Dataset.from_csv(str(FILE), cache_dir=str(cache), delimiter="\t", quoting=3)
            self.dataset = {
                code: datasets.DatasetDict(
                    test=rows.select_columns([f"{code}_1", f"{code}_2", "score"]).rename_columns(
                        {f"{code}_1": "sentence1", f"{code}_2": "sentence2"}
                    )
                )
                for code in LANGUAGES
            }
            self.data_loaded = True

    return Graded()


def test_mteb_and_the_runner_give_the_same_figures_for_files_on_disk(encoder: ModularEncoder, tmp_path: Path) -> None:
    result = mteb.evaluate(
        MTEBEncoder(encoder), graded_pairs(tmp_path / "rows"), cache=None, show_progress_bar=False, co2_tracker=False
    )
    theirs = {entry["hf_subset"]: 100 * entry["cosine_spearman"] for entry in result[0].scores["test"]}
    ours = scored(as_encoder(encoder), "sample-pairs", tmp_path, languages=list(LANGUAGES))
    assert {figure.languages[0]: figure.value for figure in ours.of("mono")} == pytest.approx(theirs, abs=1e-4)


def test_a_model_of_mteb_is_scored_within_languages_as_what_it_wraps_and_aligned_across(
    encoder: ModularEncoder, tmp_path: Path
) -> None:
    for benchmark in ("sample-pairs", "sample-bitext"):
        figures = []
        for name, model in (("own", encoder), ("mteb", MTEBEncoder(encoder))):
            result = scored(as_encoder(model), benchmark, tmp_path / name, languages=list(LANGUAGES))
            figures.append({(figure.name, figure.languages): figure.value for figure in result.figures})
        assert figures[1] == pytest.approx(figures[0], abs=1e-4)
