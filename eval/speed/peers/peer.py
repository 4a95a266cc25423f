"""Code shared by the peers: their arguments, and a clock in the Trainer."""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback


@dataclass(frozen=True)
class Task:
    """A peer's training task, read from a JSON file.

    Attributes:
        model: folder of a stock SentenceTransformer.
        teacher: folder of the teacher, also a SentenceTransformer.
        data: TSV or text file.
        steps: number of steps; the first is not counted.
        batch: rows per step.
        length: maximum length of texts in tokens.
        bf16: whether to compute in bfloat16.
        prompt: prompt put before every sentence.
        lora: options of PEFT's `LoraConfig`; for alignment, the base.
        work: folder for all output.
    """

    model: str
    data: str
    steps: int
    batch: int
    length: int
    bf16: bool
    prompt: str
    work: str
    lora: dict[str, Any]
    teacher: str = ""

    @classmethod
    def read(cls) -> Task:
        """Read the task from the file that is named on the command line."""
        return cls(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))

    def rows(self) -> list[list[str]]:
        """The rows of the data file."""
        return [line.split("\t") for line in Path(self.data).read_text(encoding="utf-8").splitlines()]

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments for the `TrainingArguments` of transformers and sentence-transformers."""
        return {
            "output_dir": self.work,
            "max_steps": self.steps,
            "per_device_train_batch_size": self.batch,
            "bf16": self.bf16,
            "use_cpu": not torch.cuda.is_available(),  # otherwise bf16 is refused without a GPU
            "learning_rate": 1e-4,
            "save_strategy": "no",
            "logging_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
        }


class Clock(TrainerCallback):
    """Measures the time of each step."""

    def __init__(self) -> None:
        self._begun = 0.0
        self.steps: list[float] = []

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, D102
        self._begun = time.perf_counter()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, D102
        self.steps.append(time.perf_counter() - self._begun)

    def report(self, tokens: int = 0) -> None:
        """Print the median seconds per step, and the given number of tokens per step, as JSON."""
        sys.stdout.write(json.dumps({"seconds": statistics.median(self.steps[1:]), "tokens": tokens}) + "\n")
