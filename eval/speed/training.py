"""Training speed: a step of each phase, run as users run it, compared with the trainer usually used for it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adapters_hub import LanguageModule, ModularEncoder, load_base
from adapters_hub.bridges import export_merged
from eval.speed.measure import Row, interleaved, matrix_rate, precision
from eval.speed.modules import ALPHA, BASE, RANK, lora_config, make_modules, run, run_stage, training_values
from eval.speed.text import Text, write_lines

VOCABULARY = 50_048
_TOKENS_OF_A_STEP = 2048
_BLOCK = 256  # tokens of a sequence of the peer
_PIVOT, _TARGET = "eng", "deu"


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        steps: steps per run; the first is not counted.
        repeats: runs per side.
    """

    steps: int
    repeats: int


@dataclass
class Training:
    """The training jobs, with the modules and the text that they share.

    Args:
        text: text to train on.
        work: folder for all output.
        plan: how much is measured.
    """

    text: Text
    work: Path
    plan: Plan
    modules: Path = field(init=False)
    stock: Path = field(init=False)

    def __post_init__(self) -> None:
        self.modules = self.work / "modules-50k"
        self.modules.mkdir(parents=True, exist_ok=True)
        make_modules(self.text, [_PIVOT, _TARGET], VOCABULARY, self.modules)
        self.stock = self.work / "stock"
        if not self.stock.is_dir():
            encoder = ModularEncoder(modules=[self.modules / _TARGET], device="cpu")
            export_merged(encoder, _TARGET, self.stock)

    def la(self) -> list[Row]:
        """Measure a step of language adaptation."""
        return [
            self._job(
                "LA step, vocabulary 50k",
                "transformers' MLM example",
                3.0,
                self._la,
                "language_adaptation",
                _TOKENS_OF_A_STEP // _BLOCK,
                _BLOCK,
            )
        ]

    def se(self) -> list[Row]:
        """Measure a step of sentence encoding, and the share of the matrix rate that it reaches."""
        row = self._job(
            "SE step, 64 pairs", "sentence-transformers trainer", 4.0, self._se, "sentence_encoding", 64, 64
        )
        flops = _flops_of_a_lora_token()
        tokens = row.facts["tokens_per_second"]
        facts = {"GFLOP of a token": round(flops / 1e9, 4), "tokens_per_second": tokens}
        reached = [flops * each for each in tokens]
        limits, limit = row.facts["matrix_rate"], "the machine's limit"
        return [row, Row("LoRA training (SE), matrix rate", "FLOP/s", reached, limits, limit, 0.5, True, facts)]

    def cla(self) -> list[Row]:
        """Measure a step of alignment."""
        peer = "sentence-transformers trainer, teacher encoded at each step"
        return [self._job("CLA step, 128 pairs", peer, 5.0, self._cla, "alignment", 128, 128)]

    def _job(self, name: str, peer_name: str, bar: float, ours: Any, peer: str, batch: int, length: int) -> Row:  # noqa: ANN401
        data, recipe, phase = ours()
        found: list[dict[str, float]] = []

        def run_ours() -> float:
            with tempfile.TemporaryDirectory(dir=self.work) as folder:
                out = Path(folder) / "out"
                run_stage(
                    "stage2.py" if phase == "cla" else "stage1.py", recipe | {"output_dir": str(out)}, Path(folder)
                )
                (manifest,) = out.glob("*/module.json")
                facts = json.loads(manifest.read_text(encoding="utf-8"))["training"]["phases"][phase]
            # The limit is measured at every repetition, because on a shared machine it changes within minutes.
            found.append(facts | {"matrix_rate": matrix_rate_of_the_base()})
            return float(facts["tokens_per_second"] if phase == "la" else facts["seconds_per_step"])

        def run_peer() -> float:
            with tempfile.TemporaryDirectory(dir=self.work) as folder:
                task = Path(folder) / "task.json"
                task.write_text(json.dumps(self._peer_task(data, batch, length, folder, peer)), encoding="utf-8")
                printed = run(["-m", f"eval.speed.peers.{peer}", str(task)])
            result = json.loads(printed.strip().splitlines()[-1])
            return float(result["tokens"] / result["seconds"] if phase == "la" else result["seconds"])

        mine, theirs = interleaved(run_ours, run_peer, self.plan.repeats)
        names = ("seconds_per_step", "tokens_per_second", "matrix_rate")
        facts = {name: [run[name] for run in found] for name in names}
        return Row(name, "tokens/s" if phase == "la" else "s", mine, theirs, peer_name, bar, True, facts)

    def _peer_task(self, data: Path, batch: int, length: int, work: str, peer: str) -> dict[str, Any]:
        base = load_base(BASE)
        lora: dict[str, Any] = {"base": BASE}
        if peer != "alignment":
            config = lora_config(base)
            lora = {"r": RANK, "lora_alpha": ALPHA, "target_modules": config.target_modules, "lora_dropout": 0.0}
        return {
            "model": str(self.stock),
            "teacher": str(self.stock),
            "data": str(data),
            "steps": self.plan.steps,
            "batch": batch,
            "length": length,
            "bf16": precision() == "bfloat16",
            "prompt": base.prompt,
            "work": work,
            "lora": lora,
        }

    def _recipe(self, language: str) -> dict[str, Any]:
        return {"languages": [language], "base": BASE, "max_length": 128}

    def _la(self) -> tuple[Path, dict[str, Any], str]:
        lines = self.text.mono(_TARGET, 400 * self.plan.steps)
        path = write_lines(self.work / "mono.txt", lines)
        tokenizer = LanguageModule.load(self.modules / _TARGET).tokenizer
        assert tokenizer is not None
        mean = float(np.mean([len(ids) for ids in tokenizer(lines[:1000])["input_ids"]])) + 2  # and the prompt
        section = {
            "data": {"path": str(path)},
            "lora": {"rank": RANK, "alpha": ALPHA},
            "max_length": 256,
            "training": training_values(self.plan.steps, round(_TOKENS_OF_A_STEP / mean)),
        }
        start = {"phases": ["la"], "start_from": str(self.modules / _TARGET), "la": section}
        return path, self._recipe(_TARGET) | start, "la"

    def _se(self) -> tuple[Path, dict[str, Any], str]:
        pairs = self.text.paraphrases(_TARGET, 64 * self.plan.steps * 2)
        path = write_lines(self.work / "paraphrase.tsv", ["\t".join(pair) for pair in pairs])
        section = {
            "data": {"path": str(path)},
            "lora": {"rank": RANK, "alpha": ALPHA},
            "max_length": 64,
            "training": training_values(self.plan.steps, 64),
        }
        start = {"phases": ["se"], "start_from": str(self.modules / _TARGET), "se": section}
        return path, self._recipe(_TARGET) | start, "se"

    def _cla(self) -> tuple[Path, dict[str, Any], str]:
        pairs = self.text.parallel(_TARGET, 128 * self.plan.steps * 2)
        path = write_lines(self.work / "parallel.tsv", ["\t".join(pair) for pair in pairs])
        section = {
            "objectives": ["parallel"],
            "parallel": {"path": str(path)},
            "max_length": 128,
            "training": training_values(self.plan.steps, 128),
        }
        return path, self._recipe(_TARGET) | {"modules_dir": str(self.modules), "cla": section}, "cla"


def flops_of_a_token() -> float:
    """FLOP per token of a forward pass: two per dense weight of the blocks, without attention (a few per cent)."""
    base = load_base(BASE)
    return 2.0 * float(sum(layer.weight.numel() for layer in _dense(base)))


def matrix_rate_of_the_base() -> float:
    """FLOP/s that the machine currently reaches in matrix products of the base's shapes; see `matrix_rate`."""
    config = load_base(BASE).backbone.config
    return matrix_rate(config.hidden_size, config.intermediate_size)


def _flops_of_a_lora_token() -> float:
    """FLOP per token of a LoRA training step.

    Frozen weights take a forward pass and the gradient of their inputs; the LoRA factors also take their own gradient.
    """
    base = load_base(BASE)
    low_rank: float = sum(RANK * (layer.in_features + layer.out_features) for layer in _dense(base))
    return 2 * flops_of_a_token() + 6.0 * low_rank


def _dense(base: Any) -> list[Any]:  # noqa: ANN401
    import re

    return [
        layer
        for name, layer in base.backbone.named_modules()
        if hasattr(layer, "in_features") and re.fullmatch(base.architecture.lora_targets, name)
    ]
