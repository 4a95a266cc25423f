"""Measure the time and the loss of training, also across interrupted and resumed runs."""

from __future__ import annotations

import statistics
import time
from collections import deque
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import TrainerCallback

_LAST = 10
"""Number of last steps whose mean loss is reported."""


class Clock(TrainerCallback):
    """Times the steps, counts their tokens and keeps the last losses; a resumed run continues the counts."""

    def __init__(self) -> None:
        self.losses: deque[float] = deque(maxlen=_LAST)
        """Losses of this process's last steps."""
        self._before: dict[str, Any] = {}
        self._start = self._begun = time.perf_counter()
        self._tokens, self._loss = 0, 0.0
        self._steps: list[tuple[float, int]] = []

    def go_on_from(self, progress: dict[str, Any], rank: int) -> None:
        """Continue from the `progress` that a checkpoint holds."""
        self._before = progress
        self.losses.extend(progress["losses"][rank])

    def progress(self) -> dict[str, Any]:
        """The values that a checkpoint keeps; all processes must call this method."""
        return {
            "losses": gather_object([list(self.losses)]),
            "seconds": self.seconds(),
            "seconds_per_step": self.median(),
            "tokens_per_second": self.tokens_per_second(),
        }

    def count(self, passes: list[dict[str, torch.Tensor]]) -> None:
        """Count the tokens of a batch, without padding."""
        self._tokens += sum(int(part["attention_mask"].sum()) for part in passes)

    def add_loss(self, loss: float) -> None:
        """Add the loss of a batch, already divided by the number of accumulated batches."""
        self._loss += loss

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Start counting seconds."""
        self._start = time.perf_counter()

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Start timing a step."""
        self._begun, self._tokens, self._loss = time.perf_counter(), 0, 0.0

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Keep the step's time, tokens and loss."""
        self._steps.append((time.perf_counter() - self._begun, self._tokens))
        self.losses.append(self._loss)

    def _warm(self) -> list[tuple[float, int]]:
        """All steps except the first, which includes the set-up."""
        return self._steps[1:] or self._steps

    def seconds(self) -> float:
        """Total training time in seconds, including earlier interrupted runs."""
        return float(self._before.get("seconds", 0.0)) + (time.perf_counter() - self._start if self._steps else 0.0)

    def median(self) -> float:
        """Median time of a step in seconds."""
        if not self._steps:
            return float(self._before.get("seconds_per_step", 0.0))
        return statistics.median(seconds for seconds, _ in self._warm())

    def tokens_per_second(self) -> float:
        """Mean number of tokens per second over all steps except the first."""
        if not self._steps:
            return float(self._before.get("tokens_per_second", 0.0))
        return sum(tokens for _, tokens in self._warm()) / max(sum(seconds for seconds, _ in self._warm()), 1e-9)
