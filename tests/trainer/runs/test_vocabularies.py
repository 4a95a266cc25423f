"""Stage 1 with the language's own vocabulary and with packed text, for every kind of tokenizer."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters_hub import LanguageModule, ModularEncoder, load_base
from adapters_hub.encoder import prompt_length
from tests.conftest import build_tokenizer, write_base
from tests.trainer.runs.launch import STAGE1, Stages, manifest, training, weights, write_recipe

KINDS = ("unigram", "bpe", "wordpiece")
PROMPT = "Frage: "
FOCUS: dict[str, Any] = {"strategy": "focus", "size": 500, "auxiliary_dim": 8, "auxiliary_buckets": 1000}


@pytest.mark.parametrize("strategy", ["focus", "trim", "keep"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_module_reads_its_prompt_as_the_base_does_and_tells_signs_apart(
    kind: str, strategy: str, stages: Stages, tmp_path: Path
) -> None:
    folder = write_base(tmp_path / "base", "bert", build_tokenizer(kind))
    changes: dict[str, Any] = {
        "vocabulary": FOCUS | {"strategy": strategy},
        "prompt": PROMPT,
        "pooling": "mean_without_prompt",
        "la": {"packing": kind == "unigram", "training": training(steps=2)},
        "se": {"training": training(steps=2)},
    }
    stages.run(STAGE1, "--recipe", write_recipe(tmp_path / "recipe.yaml", folder, tmp_path, **changes)).ok()
    module, base = LanguageModule.load(tmp_path / "deu"), load_base(folder)
    assert module.tokenizer is not None
    length = prompt_length(base.tokenizer, PROMPT)
    assert prompt_length(module.tokenizer, PROMPT) == length
    for sentence in ("Der Hund bellt.", "7", "(ja)"):
        tokens = module.tokenizer(PROMPT + sentence).tokens()
        assert tokens[:length] == base.tokenizer(PROMPT + sentence).tokens()[:length]
        assert tokens[length:] == module.tokenizer(sentence).tokens()[1:]
    encoder = ModularEncoder(modules=[tmp_path / "deu"], device="cpu")
    vectors = encoder.encode(["Um drei!", "Um drei?", "Um drei."], "deu")
    assert all(np.abs(one - other).max() > 1e-4 for one, other in zip(vectors, np.roll(vectors, 1, 0), strict=True))


def test_packed_rows_are_full_blocks_and_a_setting_of_the_module(base: Path, stages: Stages, tmp_path: Path) -> None:
    counts = {}
    for packing in (True, False):
        output = tmp_path / str(packing)
        changes = {"la": {"packing": packing, "training": training(steps=2)}, "phases": ["vocabulary", "la"]}
        recipe = write_recipe(output / "recipe.yaml", base, output, **changes)
        done = stages.run(STAGE1, "--recipe", recipe).ok()
        assert ("blocks of at most 32 tokens" in done.stderr) == packing
        values = manifest(output / "deu")["training"]
        assert values["settings"]["la"]["packing"] is packing
        counts[packing] = values["phases"]["la"]["rows"]
    assert counts[True] < counts[False] == 40
    line = stages.run(STAGE1, "--recipe", recipe, "--la.packing", "true").error_line()
    assert "la.packing: False, now True" in line


def test_a_killed_run_on_packed_text_ends_with_the_same_weights(base: Path, stages: Stages, tmp_path: Path) -> None:
    changes = {
        "la": {"packing": True, "training": training(steps=30)},
        "vocabulary": FOCUS,
        "phases": ["vocabulary", "la"],
    }
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path / "alone", **changes)
    stages.run(STAGE1, "--recipe", recipe).ok()
    command = (STAGE1, "--recipe", recipe, "--output_dir", tmp_path / "killed")
    process = stages.start(*command)
    checkpoints = tmp_path / "killed" / "unfinished" / "deu" / "la" / "checkpoints"
    while process.exitcode is None and not (checkpoints / "checkpoint-8").is_dir():
        process.join(0.002)
    process.kill()
    assert stages.result(process).code == -signal.SIGKILL
    assert "resuming from" in stages.run(*command).ok().stderr
    assert weights(tmp_path / "killed" / "deu") == weights(tmp_path / "alone" / "deu")
