"""Both stages on every architecture, in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adapters_hub import LanguageModule, ModularEncoder, load_base
from tests.conftest import ARCHITECTURES, CAUSAL, OWN_TOKENIZERS
from tests.trainer.runs.launch import training, write_recipe
from trainer.runs.parsing import parse_recipe
from trainer.settings import SettingsError
from trainer.stage1 import Stage1
from trainer.stage2 import Stage2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_both_stages_run_and_compose(architecture: str, base_folders: Callable[[str], Path], tmp_path: Path) -> None:
    short = {"training": training(steps=2, use_cpu=True)}
    phases = ["vocabulary", "se"] if architecture in CAUSAL else ["vocabulary", "la", "se"]
    folder = base_folders(architecture)
    # Room for the byte tokens that some tokenizers have, beside symbols and letters.
    changes = {"phases": phases, "la": short, "se": short, "cla": short, "vocabulary": {"size": 500}}
    path = write_recipe(tmp_path / "recipe.yaml", folder, tmp_path, **changes)
    recipe = parse_recipe("stage", "", ["--recipe", str(path)])
    base = load_base(recipe.base)
    before = {name: tensor.clone() for name, tensor in base.backbone.state_dict().items()}
    for language in ("eng", "deu"):
        Stage1(recipe, language).make(base)
    Stage2(recipe, "deu", "both").make(base)

    after = base.backbone.state_dict()
    assert after.keys() == before.keys()
    assert all(bool((after[name] == tensor).all()) for name, tensor in before.items())
    encoder = ModularEncoder(modules=[tmp_path / "eng", tmp_path / "deu", tmp_path / "deu-eng-both"], device="cpu")
    text = "Guten Morgen!"
    vectors = [encoder.encode(text, None), encoder.encode(text, "deu"), encoder.encode(text, "deu", align=True)]
    assert all(np.isfinite(vector).all() for vector in vectors)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-4
    assert np.abs(vectors[1] - vectors[2]).max() > 1e-5


@pytest.mark.parametrize("architecture", OWN_TOKENIZERS)
def test_a_vocabulary_of_its_own_takes_the_place_of_a_byte_wise_one(
    architecture: str, base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    short = {"training": training(steps=2, use_cpu=True)}
    changes = {
        "languages": ["kaz"],
        "phases": ["vocabulary", "se"] if architecture in CAUSAL else ["vocabulary", "la", "se"],
        "vocabulary": {"strategy": "focus", "size": 500, "auxiliary_dim": 8, "auxiliary_buckets": 1000},
    }
    path = write_recipe(tmp_path / "r.yaml", base_folders(architecture), tmp_path, la=short, se=short, **changes)
    recipe = parse_recipe("stage", "", ["--recipe", str(path)])
    base = load_base(recipe.base)
    Stage1(recipe, "kaz").make(base)
    module = LanguageModule.load(tmp_path / "kaz")
    assert module.tokenizer is not None
    assert module.tokenizer.padding_side == "left"
    assert module.tokenizer("Қар")["input_ids"] != base.tokenizer("Қар")["input_ids"]
    encoder = ModularEncoder(modules=[tmp_path / "kaz"], device="cpu")
    assert np.isfinite(encoder.encode(["Қар жауды.", "你好"], "kaz")).all()


@pytest.mark.parametrize("architecture", CAUSAL)
def test_language_adaptation_of_a_decoder_is_refused_with_what_to_do(
    architecture: str, base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    path = write_recipe(tmp_path / "recipe.yaml", base_folders(architecture), tmp_path)
    recipe = parse_recipe("stage", "", ["--recipe", str(path)])
    with pytest.raises(SettingsError, match="reads from left to right only.*--phases vocabulary,se") as caught:
        Stage1(recipe, "deu").make(load_base(recipe.base))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "unfinished").exists()


def test_language_adaptation_without_a_mask_token_is_refused(
    base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(base_folders("bert"), tmp_path / "base"))
    tokenizer = load_base(folder).tokenizer
    tokenizer.mask_token = None
    tokenizer.save_pretrained(folder)
    path = write_recipe(tmp_path / "recipe.yaml", folder, tmp_path)
    recipe = parse_recipe("stage", "", ["--recipe", str(path)])
    with pytest.raises(SettingsError, match="has no mask token: leave la out"):
        Stage1(recipe, "deu").make(load_base(recipe.base))
