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
_TIMES = ("seconds", "seconds_per_step", "tokens_per_second")


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
        return {"losses": gather_object([list(self.losses)])} | self.times()

    def times(self) -> dict[str, float]:
        """Total time in seconds, with earlier interrupted runs; median seconds per step; mean tokens per second.

        The first step includes the set-up, and counts only if there is no other.
        """
        if not self._steps:
            return {name: float(self._before.get(name, 0.0)) for name in _TIMES}
        seconds, tokens = zip(*(self._steps[1:] or self._steps), strict=True)
        total = float(self._before.get("seconds", 0.0)) + time.perf_counter() - self._start
        values = (total, statistics.median(seconds), sum(tokens) / max(sum(seconds), 1e-9))
        return dict(zip(_TIMES, values, strict=True))

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
