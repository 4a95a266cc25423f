"""What the peers have in common: their arguments, and a clock in the Trainer."""

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
    """What a peer is to train, from the JSON file that it is given.

    Attributes:
        model: folder of a stock SentenceTransformer.
        teacher: of another one.
        data: TSV or text.
        steps: to take; the first is not counted.
        batch: rows a step.
        length: tokens that texts are cut at.
        bf16: compute in bfloat16.
        prompt: before every sentence.
        lora: regular expression over module names, rank and alpha.
        work: folder for whatever it writes.
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
        """Of the file that is named on the command line."""
        return cls(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))

    def rows(self) -> list[list[str]]:
        """Of the data."""
        return [line.split("\t") for line in Path(self.data).read_text(encoding="utf-8").splitlines()]

    @property
    def arguments(self) -> dict[str, Any]:
        """Of both kinds of `TrainingArguments`."""
        return {
            "output_dir": self.work,
            "max_steps": self.steps,
            "per_device_train_batch_size": self.batch,
            "bf16": self.bf16,
            "use_cpu": not torch.cuda.is_available(),  # without it, bf16 is refused where there is no GPU
            "learning_rate": 1e-4,
            "save_strategy": "no",
            "logging_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
        }


class Clock(TrainerCallback):
    """Times the steps."""

    def __init__(self) -> None:
        self._begun = 0.0
        self.steps: list[float] = []

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, D102
        self._begun = time.perf_counter()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, D102
        self.steps.append(time.perf_counter() - self._begun)

    def report(self, tokens: int = 0) -> None:
        """Print the median seconds of a step, and the tokens of a step."""
        sys.stdout.write(json.dumps({"seconds": statistics.median(self.steps[1:]), "tokens": tokens}) + "\n")
