"""Stage 1 in parts: stopping, leaving phases out, starting from a module, and the vocabulary strategies."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters_hub import LanguageModule, ModularEncoder, load_base
from tests.conftest import sample_sentences
from tests.trainer.runs.launch import (
    MONOLITHIC,
    STAGE1,
    STAGE2,
    Stages,
    contents,
    manifest,
    training,
    weights,
    write_recipe,
)


def vector(folder: Path) -> np.ndarray:
    """The vector of a German sentence, which must be finite."""
    found = ModularEncoder(modules=[folder]).encode("Guten Morgen!", "deu")
    assert np.isfinite(found).all()
    return found


@pytest.mark.parametrize("stops", [("vocabulary",), ("la", "se")])
def test_a_run_in_pieces_equals_one_that_went_through(
    stops: tuple[str, ...], modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path)
    for phase in stops:
        assert f"stopped after {phase}" in stages.run(STAGE1, "--recipe", recipe, "--stop_after", phase).ok().stderr
        assert not (tmp_path / "deu").exists()
    stages.run(STAGE1, "--recipe", recipe).ok()
    assert weights(tmp_path / "deu") == weights(modules / "deu")
    assert not (tmp_path / "unfinished").exists()


def test_without_language_adaptation_the_module_has_no_language_adapter_and_works(
    base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path)
    stages.run(STAGE1, "--recipe", recipe, "--phases", "vocabulary,se").ok()
    assert LanguageModule.load(tmp_path / "deu").manifest.components == ("vocabulary", "sentence_adapter")
    assert not (tmp_path / "deu" / "language_adapter").exists()
    vector(tmp_path / "deu")


def test_start_from_takes_the_other_parts_over_byte_for_byte(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, se={"scale": 5.0})
    stages.run(STAGE1, "--recipe", recipe, "--phases", "se", "--start_from", modules / "deu").ok()
    LanguageModule.load(tmp_path / "deu")
    old, new = contents(modules / "deu"), contents(tmp_path / "deu")
    assert old.keys() == new.keys()
    changed = {name for name in old if old[name] != new[name]}
    assert changed == {"module.json", "sentence_adapter/adapter_model.safetensors"}
    source = manifest(tmp_path / "deu")["training"]["phases"]["start_from"]
    fingerprint = manifest(modules / "deu")["fingerprint"]
    assert source == {"path": str(modules / "deu"), "fingerprint": fingerprint, "base_embeddings": False}


def test_starting_from_a_module_and_training_se_alike_gives_the_same_module(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path)
    stages.run(STAGE1, "--recipe", recipe, "--phases", "se", "--start_from", modules / "deu").ok()
    assert weights(tmp_path / "deu") == weights(modules / "deu")


def test_a_module_of_another_language_is_no_start(modules: Path, base: Path, stages: Stages, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path)
    line = stages.run(STAGE1, "--recipe", recipe, "--phases", "se", "--start_from", modules / "eng").error_line()
    assert "is a module of 'eng', not of 'deu'" in line


def test_keep_with_frozen_embeddings_gives_a_module_without_its_own(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"vocabulary": {"strategy": "keep"}, "la": {"train_embeddings": False}}
    stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)).ok()
    manifest = LanguageModule.load(tmp_path / "deu").manifest
    assert manifest.components == ("language_adapter", "sentence_adapter")
    assert manifest.base.vocabulary_fingerprint == load_base(base).vocabulary_fingerprint(manifest.components)
    assert not (tmp_path / "deu" / "embeddings.safetensors").exists()
    vector(tmp_path / "deu")


def test_keep_with_rules_gives_a_module_with_a_tokenizer_for_the_embeddings_of_the_base(
    base: Path, stages: Stages, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.tsv"
    rules.write_text("Q\tö\n", encoding="utf-8")
    changes: dict[str, Any] = {
        "vocabulary": {"strategy": "keep", "rewrite": str(rules)},
        "phases": ["vocabulary", "se"],
    }
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)
    stages.run(STAGE1, "--recipe", recipe).ok()
    module = LanguageModule.load(tmp_path / "deu")
    assert module.manifest.components == ("tokenizer", "sentence_adapter")
    assert module.embeddings is None
    assert module.manifest.base.vocabulary_fingerprint == load_base(base).embeddings_fingerprint
    assert not (tmp_path / "deu" / "embeddings.safetensors").exists()
    encoder = ModularEncoder(modules=[tmp_path / "deu"])
    np.testing.assert_array_equal(encoder.encode("SchQn!", "deu"), encoder.encode("Schön!", "deu"))
    # A module that starts from it takes over the tokenizer.
    more = ["--phases", "[la]", "--start_from", tmp_path / "deu", "--output_dir", tmp_path / "more"]
    stages.run(STAGE1, "--recipe", recipe, *more, "--la.train_embeddings", "false").ok()
    again = LanguageModule.load(tmp_path / "more" / "deu")
    assert again.manifest.components == ("tokenizer", "language_adapter", "sentence_adapter")
    assert again.tokenizer("SchQn!")["input_ids"] == again.tokenizer("Schön!")["input_ids"]  # type: ignore[misc]


@pytest.mark.parametrize("strategy", ["focus", "keep"])
def test_the_other_strategies_run_end_to_end(strategy: str, base: Path, stages: Stages, tmp_path: Path) -> None:
    sizes = {
        "strategy": strategy,
        "size": 300,
        "auxiliary_dim": 16,
        "auxiliary_min_count": 1,
        "auxiliary_buckets": 1000,
    }
    stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "recipe.yaml", base, tmp_path, vocabulary=sizes)).ok()
    module = LanguageModule.load(tmp_path / "deu")
    assert module.manifest.vocabulary["strategy"] == strategy
    assert module.tokenizer is not None
    assert module.embeddings is not None
    assert len(module.embeddings) == len(module.tokenizer) == module.manifest.vocabulary["size"]
    vector(tmp_path / "deu")


def test_the_dropout_of_the_lora_is_not_that_of_the_encoder(base: Path, stages: Stages, tmp_path: Path) -> None:
    trained = []
    for dropout in (0.0, 0.5):
        se = {"dropout": 0.0, "lora": {"rank": 2, "dropout": dropout}, "training": training(steps=2)}
        changes = {"phases": ["se"], "se": se}
        recipe = write_recipe(tmp_path / f"{dropout}.yaml", base, tmp_path / str(dropout), **changes)
        stages.run(STAGE1, "--recipe", recipe).ok()
        trained.append(weights(tmp_path / str(dropout) / "deu"))
    assert trained[0] != trained[1]


@pytest.mark.parametrize("script", [STAGE1, STAGE2, MONOLITHIC], ids=lambda script: script.stem)
def test_text_is_cut_to_the_positions_that_the_base_has(
    script: Path, modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    texts = [" ".join(sample_sentences("deu")[row : row + 40]) for row in range(9)]
    lines = ["a\tb\n", *(f"{a}\t{b}\n" for a, b in pairwise(texts))]
    (tmp_path / "long.tsv").write_text("".join(lines), encoding="utf-8")
    data = {"path": str(tmp_path / "long.tsv"), "columns": ["a", "b"]}
    changes: dict[str, Any] = {name: {"max_length": 600, "training": training(steps=1)} for name in ("la", "se", "cla")}
    changes["la"] |= {"data": data | {"columns": ["b"]}}
    changes["se"] |= {"objective": "both", "data": data, "relations": data}
    changes["cla"] |= {"paraphrase": data, "parallel": data}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, modules_dir=str(modules), **changes)
    cut = re.findall(
        r"(\d+) texts of more than 128 tokens were cut", stages.run(script, "--recipe", recipe).ok().stderr
    )
    assert cut == {STAGE1: ["8", "16", "8"], STAGE2: ["8", "8"], MONOLITHIC: ["16", "16", "16"]}[script]
