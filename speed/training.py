"""Training speed: a step of each phase, run as users run it, compared with the trainer usually used for it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters_hub import LanguageModule, load_base
from adapters_hub.reading import read_json
from speed.inputs import BASE, LORA, PIVOT, TARGET, Text, make_modules, make_stock, run_stage, write_rows
from speed.measure import block_shapes, flops_of_a_token, in_turns, matrix_rate
from speed.peers import Task
from speed.report import Row

_TOKENS, _BLOCK = 2048, 256
"""Tokens of a step of language adaptation, and of one of the peer's sequences."""


def train(
    phase: str,
    section: dict[str, Any],
    steps: int,
    batch: int,
    work: Path,
    **recipe: Any,  # noqa: ANN401
) -> tuple[dict[str, float], int]:
    """Run a phase of the German module for some steps, as a user does.

    Args:
        phase: `la`, `se` or `cla`.
        section: the phase's settings.
        steps: number of steps.
        batch: rows per step.
        work: folder for all output.
        recipe: further settings.

    Returns:
        What the manifest records about the phase, and the peak resident memory in bytes.
    """
    training = {
        "max_steps": steps,
        "per_device_train_batch_size": batch,
        "learning_rate": 1e-4,
        "save_strategy": "no",
        "disable_tqdm": True,
    }
    with tempfile.TemporaryDirectory(dir=work) as folder:
        recipe |= {"languages": [TARGET], "output_dir": f"{folder}/out", phase: section | {"training": training}}
        peak = run_stage("stage2.py" if phase == "cla" else "stage1.py", recipe, Path(folder))
        (manifest,) = Path(folder).glob("out/*/module.json")
        facts: dict[str, float] = read_json(manifest)["training"]["phases"][phase]
    return facts, peak


@dataclass(frozen=True)
class Training:
    """The training jobs.

    Attributes:
        text: text to train on.
        work: folder for all output.
        steps: steps per run; the first is not counted.
        repeats: runs per side.
    """

    text: Text
    work: Path
    steps: int
    repeats: int

    def la(self) -> list[Row]:
        """Measure a step of language adaptation."""
        sentences = self.text.mono(TARGET, 400 * self.steps)
        tokenizer = LanguageModule.load(self._modules()[1]).tokenizer
        assert tokenizer is not None
        mean = float(np.mean([len(ids) for ids in tokenizer(sentences[:1000])["input_ids"]])) + 2  # and the prompt
        data = write_rows(self.work / "mono.txt", ([sentence] for sentence in sentences))
        ours, peer = self._both("la", data, round(_TOKENS / mean), _BLOCK, _TOKENS // _BLOCK)
        reached = [run["tokens_per_second"] for run in ours]
        expected = [_TOKENS / seconds for seconds in peer]
        return [Row("LA step, vocabulary 50k", "tokens/s", reached, expected, "transformers' MLM example", 3.0)]

    def se(self) -> list[Row]:
        """Measure a step of sentence encoding, and the share of the matrix rate that it reaches."""
        data = write_rows(self.work / "pairs.tsv", self.text.paraphrases(TARGET, 64 * self.steps * 2))
        ours, peer = self._both("se", data, 64, 64)
        steps = [run["seconds_per_step"] for run in ours]
        reached = [_flops_of_a_lora_token() * run["tokens_per_second"] for run in ours]
        limits = [run["matrix_rate"] for run in ours]
        return [
            Row("SE step, 64 pairs", "s", steps, peer, "sentence-transformers trainer", 4.0),
            Row("LoRA training (SE), matrix rate", "FLOP/s", reached, limits, "the machine's limit", 0.5),
        ]

    def cla(self) -> list[Row]:
        """Measure a step of alignment."""
        data = write_rows(self.work / "pairs.tsv", self.text.parallel(TARGET, 128 * self.steps * 2))
        ours, peer = self._both("cla", data, 128, 128)
        steps = [run["seconds_per_step"] for run in ours]
        peer_name = "sentence-transformers trainer, teacher encoded at each step"
        return [Row("CLA step, 128 pairs", "s", steps, peer, peer_name, 5.0)]

    def _modules(self) -> list[Path]:
        return make_modules(self.text, [PIVOT, TARGET], 50_048, self.work)

    def _both(
        self, phase: str, data: Path, batch: int, length: int, peer_batch: int | None = None
    ) -> tuple[list[dict[str, float]], list[float]]:
        """What our runs recorded, with the machine's matrix rate after each, and the peer's seconds per step."""
        _, module = self._modules()
        stock, shapes = make_stock(module), block_shapes(load_base(BASE))
        section = {"data": {"path": str(data)}, "max_length": length}
        recipe: dict[str, Any] = {"phases": [phase], "start_from": str(module)}
        if phase == "cla":
            section = {"objectives": ["parallel"], "parallel": section["data"], "max_length": length}
            recipe = {"modules_dir": str(module.parent)}

        def ours(_: int) -> dict[str, float]:
            facts, _ = train(phase, section, self.steps, batch, self.work, **recipe)
            # The limit is measured at every repetition, because on a shared machine it changes within minutes.
            return facts | {"matrix_rate": matrix_rate(shapes)}

        def peer(_: int) -> float:
            with tempfile.TemporaryDirectory(dir=self.work) as folder:
                task = Task(phase, str(stock), str(data), self.steps, peer_batch or batch, length, folder)
                return task.seconds_per_step()

        return in_turns(range(self.repeats), ours, peer)


def _flops_of_a_lora_token() -> float:
    """FLOP per token of a LoRA training step.

    Frozen weights take a forward pass and the gradient of their inputs; the LoRA factors also take their own gradient.
    """
    base = load_base(BASE)
    low_rank: int = LORA.rank * base.backbone.config.num_hidden_layers * sum(a + b for a, b in block_shapes(base))
    return 2 * flops_of_a_token(base) + 6.0 * low_rank
