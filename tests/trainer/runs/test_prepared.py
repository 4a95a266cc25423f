"""From sources to aligned modules with prepare, stage 1 and stage 2, as a newcomer runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from adapters_hub import LanguageModule, ModularEncoder
from adapters_hub.cards import render_card
from tests.conftest import ROOT, sample_sentences
from tests.trainer.runs.launch import STAGE1, STAGE2, Stages, manifest
from trainer.data.text_files import write_lines

PREPARE = ROOT / "trainer" / "prepare.py"
FEW = ["--max_length=64", "--se.max_length=32", "--se.lora.rank=2"]


def write_sources(folder: Path) -> Path:
    english, german = sample_sentences("eng"), sample_sentences("deu")
    pairs = [f"{one}\t{other}" for one, other in zip(english[::2], german[::2], strict=True)]
    write_lines(folder / "eng-deu.tsv", pairs)
    write_lines(folder / "deu.tsv", [f"{german[row]}\t{german[row + 1]}" for row in range(0, 160, 2)])
    listed = [
        {"name": "sample", "kind": "parallel", "path": f"{folder}/{{pivot}}-{{language}}.tsv", "license": "cc0-1.0"},
        {"name": "sample", "kind": "paraphrase", "path": f"{folder}/{{language}}.tsv", "license": "cc0-1.0"},
    ]
    path = folder / "sources.yaml"
    path.write_text(yaml.safe_dump({"sources": listed}), encoding="utf-8")
    return path


def test_the_recipe_trains_and_licences_reach_the_cards(stages: Stages, base: Path, tmp_path: Path) -> None:
    sources, data, modules = write_sources(tmp_path), tmp_path / "data", tmp_path / "modules"
    options = ("--language=deu", f"--output={data}", f"--sources={sources}", f"--base={base}", f"--modules={modules}")
    done = stages.run(PREPARE, *options).ok()
    assert f"next: accelerate launch trainer/stage2.py --recipe {data}/recipe.yaml" in done.stderr
    recipe = ("--recipe", data / "recipe.yaml")
    few = ["max_steps=2", "per_device_train_batch_size=8", "warmup_steps=0", "disable_tqdm=true"]
    for script, phase in ((STAGE1, "se"), (STAGE2, "cla")):
        stages.run(script, *recipe, *FEW, *(f"--{phase}.training.{one}" for one in few)).ok()
    assert manifest(modules / "eng")["components"] == []
    assert "cc0-1.0" in render_card(LanguageModule.load(modules / "deu").manifest, "org/deu")
    encoder = ModularEncoder(modules=[modules / name for name in ("eng", "deu", "deu-eng-balanced")], device="cpu")
    assert np.abs(encoder.encode("Guten Tag!", "deu", align=True) - encoder.encode("Guten Tag!", "deu")).max() > 1e-6


@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_killed_run_goes_on(stages: Stages, tmp_path: Path, killed_after: int) -> None:
    sources = write_sources(tmp_path)
    process = stages.start(PREPARE, "--language=deu", f"--output={tmp_path}/data", f"--sources={sources}")
    parts = tmp_path / "data" / "parts"
    while process.is_alive() and len(list(parts.glob("*/*.json"))) < killed_after:
        process.join(0.01)
    process.kill()
    process.join()
    again = stages.run(PREPARE, "--language=deu", f"--output={tmp_path}/data", f"--sources={sources}").ok()
    assert again.stderr.count("finished already") >= killed_after
    files = json.loads((tmp_path / "data" / "sources.json").read_text(encoding="utf-8"))["files"]
    assert set(files) == {"parallel/eng-deu.tsv.xz", "paraphrase/deu.tsv.xz"}
