"""The paper's monolithic controls from the command line: what they write, and when they are run again."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from adapters_hub import BaseEncoderError, ModularEncoder, load_base
from adapters_hub.base.settings import FINE_TUNED
from tests.conftest import ROOT, sample_sentences
from tests.trainer.runs.launch import (
    MONOLITHIC,
    STAGE1,
    STAGE2,
    Stages,
    accelerate,
    contents,
    manifest,
    training,
    weights,
    write_recipe,
)

MONO, CROSS = "full_mono", "full_mono_cross"
TEXTS = ["Guten Morgen!", "Қайырлы таң!", "Der Hund bellt laut vor dem Haus."]


def facts(folder: Path) -> dict[str, Any]:
    """`training.json` of an encoder."""
    values: dict[str, Any] = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return values


def tensors(folder: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = load_file(folder / "model.safetensors")
    return found


def vectors(folder: Path) -> np.ndarray:
    return ModularEncoder(base=str(folder)).encode(TEXTS, None)


def before_training(base: Path) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in load_base(base).backbone.named_parameters()}


def largest_change(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> float:
    assert left.keys() == right.keys()
    return max(float(np.abs(left[name] - right[name]).max()) for name in left)


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The paper's two controls for English, German and Kazakh, made as in the recipes' README, beside their recipe."""
    output = tmp_path_factory.mktemp("monolithic")
    changes: dict[str, Any] = {"languages": ["eng", "deu", "kaz"], "prompt": "zu: ", "pooling": "cls"}
    changes["full"] = {"training": {"learning_rate": 1e-3, "warmup_steps": 0}}
    recipe = write_recipe(output / "recipe.yaml", base, output, **changes)
    accelerate("--config_file", ROOT / "accelerate_config.yaml", MONOLITHIC, "--recipe", recipe).ok()
    return output


def test_a_launched_run_leaves_two_plain_encoders_and_nothing_else(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == ["monolithic", "recipe.yaml"]
    assert sorted(path.name for path in (trained / "monolithic").iterdir()) == [MONO, CROSS]
    for name in (MONO, CROSS):
        files = {path.name for path in (trained / "monolithic" / name).iterdir()}
        expected = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "training.json"}
        assert files == expected


def test_every_parameter_is_trained(trained: Path, base: Path) -> None:
    start = before_training(base)
    mono, cross = (tensors(trained / "monolithic" / name) for name in (MONO, CROSS))
    assert start.keys() == mono.keys() == cross.keys()
    assert [name for name in start if (start[name] == mono[name]).all()] == []
    assert [name for name in mono if (mono[name] == cross[name]).all()] == []


def test_the_encoders_remember_prompt_and_pooling_and_encode_as_plain_transformers_does(
    trained: Path, base: Path
) -> None:
    seen = [vectors(base)]
    for name in (MONO, CROSS):
        folder = trained / "monolithic" / name
        loaded = load_base(folder)
        assert (loaded.prompt, loaded.pooling) == ("zu: ", "cls")
        explicit = load_base(folder, prompt="", pooling="mean")
        assert (explicit.prompt, explicit.pooling) == ("", "mean")
        model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
        with torch.no_grad():
            batch = tokenizer([f"zu: {text}" for text in TEXTS], padding=True, return_tensors="pt")
            hidden = model.eval()(**batch).last_hidden_state[:, 0]
        assert tokenizer.backend_tokenizer.truncation is None
        found = vectors(folder)
        np.testing.assert_allclose(found, torch.nn.functional.normalize(hidden, dim=-1).numpy(), atol=1e-5)
        assert all(np.abs(found - other).max() > 1e-2 for other in seen)
        seen.append(found)


def test_a_training_file_that_is_not_ours_is_not_read_and_a_damaged_one_is_refused(base: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(base, copy)
    (copy / "training.json").write_text('{"kind": "other", "prompt": "x: ", "pooling": "cls"}', encoding="utf-8")
    assert (load_base(copy).prompt, load_base(copy).pooling) == ("", "mean")
    for broken in ('{"kind": "full mono", "prompt": 3, "pooling": "mean"}', '{"kind": "full mono"}', "{"):
        (copy / "training.json").write_text(broken, encoding="utf-8")
        with pytest.raises(BaseEncoderError, match=r"training\.json"):
            load_base(copy)


def test_the_facts_are_written_down(trained: Path, base: Path) -> None:
    mono, cross = (facts(trained / "monolithic" / name) for name in (MONO, CROSS))
    assert (mono["kind"], cross["kind"]) == (f"{FINE_TUNED}mono", f"{FINE_TUNED}mono+cross")
    for values in (mono, cross):
        assert values["base"]["source"] == str(base)
        assert values["base"]["fingerprint"] == load_base(base).fingerprint
        assert values["settings"]["training"]["learning_rate"] == 1e-3
        assert values["settings"]["seed"] == 42
        assert 0 < values["training"]["loss"] < 20
        assert values["training"]["seconds"] > 0
        assert set(values["training"]["rows"].values()) == {40}
        assert values["versions"]["torch"]
        assert values["hardware"]
    assert mono["languages"] == ["eng", "deu", "kaz"]
    assert (mono["training"]["steps"], cross["training"]["steps"]) == (3 * 4, 2 * 4)
    assert list(mono["training"]["rows"]) == ["eng contrastive", "deu contrastive", "kaz contrastive"]
    assert list(cross["training"]["rows"]) == ["mul paraphrase", "deu parallel", "kaz parallel"]
    assert [item["columns"] for item in mono["data"]][1] == ["deu", "deu_paraphrase"]
    assert cross["settings"]["start"] == mono["sha256"]


def test_every_language_is_seen_and_nothing_else(
    base: Path, tokenizer: PreTrainedTokenizerFast, stages: Stages, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, languages=["deu", "kaz"])
    stages.run(MONOLITHIC, "--recipe", recipe, "--full.controls", "[mono]").ok()
    assert not (tmp_path / "monolithic" / CROSS).exists()
    name = "embeddings.word_embeddings.weight"
    start = load_base(base).token_embeddings.weight.detach().numpy()
    changed = set(np.flatnonzero((start != tensors(tmp_path / "monolithic" / MONO)[name]).any(axis=1)))
    special = set(tokenizer.all_special_ids)
    german, kazakh = (
        set(np.concatenate(tokenizer(sample_sentences(language)[:80])["input_ids"])) - special
        for language in ("deu", "kaz")
    )
    assert len(changed & (german - kazakh)) > 0.5 * len(german - kazakh)
    assert len(changed & (kazakh - german)) > 0.5 * len(kazakh - german)
    assert changed <= german | kazakh | special


def sample_files(folder: Path, rows: dict[str, int]) -> dict[str, Any]:
    """Data of a different length for each language, and recipe sections that train epochs of it."""
    for language, count in rows.items():
        own, english = sample_sentences(language), sample_sentences("eng")
        for name, left, right in (
            ("se", own[::2], own[1::2]),
            ("paraphrase", english[1::2], own[::2]),
            ("parallel", english[::2], own[::2]),
        ):
            lines = [f"{a}\t{b}\n" for a, b in list(zip(left, right, strict=True))[:count]]
            (folder / f"{name}-{language}.tsv").write_text("".join(lines), encoding="utf-8")
    epochs = training(max_steps=-1, num_train_epochs=2, gradient_accumulation_steps=2)

    def source(name: str) -> dict[str, Any]:
        return {"path": str(folder / f"{name}-{{language}}.tsv"), "limit": None, "columns": None}

    return {
        "se": {"data": source("se"), "training": epochs},
        "cla": {"paraphrase": source("paraphrase"), "parallel": source("parallel"), "training": epochs},
    }


def test_steps_are_the_sum_of_the_modules_steps(base: Path, stages: Stages, tmp_path: Path) -> None:
    languages = {"eng": 100, "deu": 61, "kaz": 34}
    changes = sample_files(tmp_path, languages) | {"languages": list(languages)}
    changes["vocabulary"] = {"strategy": "keep"}
    changes["cla"]["parallel_share"] = 0.7
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)
    stages.run(STAGE1, "--recipe", recipe, "--phases", "vocabulary,se").ok()
    stages.run(STAGE2, "--recipe", recipe).ok()
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    mono, cross = (facts(tmp_path / "monolithic" / name)["training"] for name in (MONO, CROSS))
    se = {language: manifest(tmp_path / language)["training"]["phases"]["se"]["steps"] for language in languages}
    cla = {
        language: manifest(tmp_path / f"{language}-eng-both")["training"]["phases"]["cla"]["steps"]
        for language in ("deu", "kaz")
    }
    assert len(set(se.values())) == 3
    assert mono["steps"] == sum(se.values())
    assert cross["steps"] == sum(cla.values())
    assert mono["shares"] == pytest.approx({f"{language} contrastive": steps for language, steps in se.items()})
    shares = {f"{language} parallel": 0.7 * steps for language, steps in cla.items()}
    assert cross["shares"] == pytest.approx({"mul paraphrase": 0.3 * sum(cla.values())} | shares)


def test_mono_cross_starts_from_mono(base: Path, stages: Stages, tmp_path: Path) -> None:
    # One step of Adam changes no weight by more than the learning rate.
    own = {"learning_rate": 1e-3, "warmup_steps": 0}
    changes: dict[str, Any] = {"se": {"training": training(steps=20)}, "cla": {"training": training(steps=1)}}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, full={"training": own}, **changes)
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    mono, cross = (tensors(tmp_path / "monolithic" / name) for name in (MONO, CROSS))
    assert largest_change(before_training(base), mono) > 5e-3
    assert 1e-4 < largest_change(mono, cross) < 1.01e-3


def test_cross_starts_from_the_base_and_leaves_mono_out(base: Path, stages: Stages, tmp_path: Path) -> None:
    own = {"learning_rate": 1e-3, "warmup_steps": 0}
    changes: dict[str, Any] = {"languages": ["deu", "kaz"], "cla": {"training": training(steps=1)}}
    changes["full"] = {"training": own, "controls": ["cross"]}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, **changes)
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    assert [path.name for path in (tmp_path / "monolithic").iterdir()] == ["full_cross"]
    cross = tmp_path / "monolithic" / "full_cross"
    assert 1e-3 < largest_change(before_training(base), tensors(cross)) < 2.02e-3
    values = facts(cross)
    assert values["kind"] == "full cross"
    assert values["training"]["steps"] == 2
    assert "start" not in values["settings"]


@pytest.mark.parametrize("architecture", ["xlm-roberta", "modernbert", "m2m_100"])
def test_the_other_architectures_run_end_to_end(
    architecture: str, base_folders: Callable[[str], Path], stages: Stages, tmp_path: Path
) -> None:
    base = base_folders(architecture)
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, full={"training": {"warmup_steps": 0}})
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    mono, cross = tmp_path / "monolithic" / MONO, tmp_path / "monolithic" / CROSS
    start, first, second = vectors(base), vectors(mono), vectors(cross)
    assert np.isfinite(second).all()
    assert np.abs(start - first).max() > 1e-6 < np.abs(first - second).max()
    assert largest_change(before_training(base), before_training(mono)) > 1e-6


def test_a_second_run_skips_what_is_finished_and_leaves_every_byte(trained: Path, stages: Stages) -> None:
    before = contents(trained)
    done = stages.run(MONOLITHIC, "--recipe", trained / "recipe.yaml").ok()
    assert done.stderr.count("is finished: skipped") == 2
    assert contents(trained) == before


@pytest.mark.parametrize(
    ("option", "difference"),
    [
        ("--se.scale=5", "scale: 20.0, now 5.0"),
        ("--seed=7", "seed: 42, now 7"),
        ("--cla.parallel_share=0.25", "parallel_share: 0.5, now 0.25"),
        ("--full.training.learning_rate=0.5", "training.learning_rate: 0.001, now 0.5"),
        ("--languages=eng,deu", "languages: ['eng', 'deu', 'kaz'], now ['eng', 'deu']"),
        ("--se.data.limit=20", "data.deu.contrastive.limit: 40, now 20"),
    ],
)
def test_another_setting_for_a_finished_encoder_is_refused_by_name(
    trained: Path, stages: Stages, option: str, difference: str
) -> None:
    before = contents(trained)
    line = stages.run(MONOLITHIC, "--recipe", trained / "recipe.yaml", option).error_line()
    assert difference in line
    assert "--overwrite true" in line
    assert contents(trained) == before


def test_settings_of_adapters_do_not_matter(trained: Path, stages: Stages) -> None:
    options = [
        "--se.lora.rank=4",
        "--cla.reduction_factor=4",
        "--vocabulary.strategy=keep",
        "--se.training.save_steps=1",
    ]
    done = stages.run(MONOLITHIC, "--recipe", trained / "recipe.yaml", *options).ok()
    assert done.stderr.count("is finished: skipped") == 2


def test_overwrite_trains_again(base: Path, stages: Stages, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, cla={"objectives": ["parallel"]})
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    before = weights(tmp_path / "monolithic")
    rows = facts(tmp_path / "monolithic" / CROSS)["training"]["rows"]
    assert list(rows) == ["mul paraphrase", "deu parallel"]  # the paper's objectives, whatever the adapters' objective
    stages.run(MONOLITHIC, "--recipe", recipe, "--overwrite", "true", "--cla.training.max_steps", "2").ok()
    after = weights(tmp_path / "monolithic")
    assert {name for name in before if before[name] != after[name]} == {f"{CROSS}/model.safetensors"}


def test_kills_leave_no_trace(base: Path, stages: Stages, tmp_path: Path) -> None:
    long = {"training": training(steps=24)}
    options: dict[str, Any] = {"languages": ["eng", "deu"], "se": long, "cla": long}
    options["full"] = {"training": {"save_steps": 2}}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path / "whole", **options)
    stages.run(MONOLITHIC, "--recipe", recipe).ok()
    command = (MONOLITHIC, "--recipe", recipe, "--output_dir", tmp_path / "killed")
    draw = random.Random(20240720)
    resumed = 0
    for name, step in ((MONO, 8), (MONO, 30), (CROSS, 6), (CROSS, 16)):
        process = stages.start(*command)
        while process.exitcode is None and reached(tmp_path / "killed" / "unfinished" / name) < step:
            process.join(0.002)
        process.join(draw.uniform(0, 0.05))
        process.kill()
        done = stages.result(process)
        assert done.code == -signal.SIGKILL, done.stderr
        assert not (tmp_path / "killed" / "monolithic" / name).exists()
        resumed += "resuming from" in done.stderr
    resumed += "resuming from" in stages.run(*command).ok().stderr
    assert resumed >= 3
    assert weights(tmp_path / "killed" / "monolithic") == weights(tmp_path / "whole" / "monolithic")
    assert not (tmp_path / "killed" / "unfinished").exists()


def reached(unfinished: Path) -> int:
    """The step of the newest checkpoint, which may be half-written."""
    names = [path.name for path in unfinished.glob("full/checkpoints/checkpoint-*")]
    return max([int(name.rpartition("-")[2]) for name in names], default=0)


def test_two_processes_train_the_encoder_of_one(calm_base: Path, stages: Stages, tmp_path: Path) -> None:
    recipes = []
    for processes in (1, 2):
        options = {"optim": "sgd", "learning_rate": 0.5, "warmup_steps": 0}
        section = {"training": training(batch=8 // processes)}
        changes: dict[str, Any] = {"languages": ["eng", "deu", "kaz"], "se": section, "cla": section}
        changes["full"] = {"training": options}
        output = tmp_path / str(processes)
        recipes.append(write_recipe(tmp_path / f"{processes}.yaml", calm_base, output, **changes))
    stages.run(MONOLITHIC, "--recipe", recipes[0]).ok()
    stages.run_two(MONOLITHIC, "--recipe", recipes[1]).ok()
    for name in (MONO, CROSS):
        one, two = (tmp_path / processes / "monolithic" / name for processes in ("1", "2"))
        moved = largest_change(tensors(one), before_training(calm_base))
        assert moved > 1e-2
        assert largest_change(tensors(one), tensors(two)) < moved / 50  # sums in another order, over many steps
        assert facts(two)["training"]["processes"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--languages", "eng"], "full mono+cross needs a language other than the pivot 'eng'"),
        (["--full.training.learning_rat", "1"], "did you mean 'learning_rate'?"),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once(
    options: Sequence[str], message: str, base: Path, stages: Stages, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path)
    assert message in stages.run(MONOLITHIC, "--recipe", recipe, *options).error_line()
    assert not (tmp_path / "monolithic").exists()


def test_help_lists_the_settings(stages: Stages) -> None:
    done = stages.run(MONOLITHIC, "--help").ok()
    for setting in ("--languages", "--full.controls", "--full.training"):
        assert setting in done.stdout
