"""Measurements: rows of the table, timing of two sides in turns, and facts about the machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from adapters_hub.encoder import has_fast_bfloat16


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        job: what is measured.
        unit: unit of `ours` and `peer`.
        ours: measured values of the project, one per repetition.
        peer: measured values of the peer, one per repetition.
        peer_name: what the project is compared with.
        bar: the target ratio.
        more_is_better: whether the ratio should be at least the bar (True) or at most the bar (False).
        facts: further facts to store.
    """

    job: str
    unit: str
    ours: list[float]
    peer: list[float]
    peer_name: str
    bar: float
    more_is_better: bool = True
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Ratio of the medians: ours to the peer's, inverted for times if a larger ratio should be better."""
        ours, peer = statistics.median(self.ours), statistics.median(self.peer)
        return peer / ours if self.more_is_better and self.unit == "s" else ours / peer

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.ratio >= self.bar if self.more_is_better else self.ratio <= self.bar


def interleaved(ours: Callable[[], float], peer: Callable[[], float], repeats: int) -> tuple[list[float], list[float]]:
    """Measure both sides in turns (A B A B …), so that slow moments of the machine affect both."""
    pairs = [(ours(), peer()) for _ in range(repeats)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def seconds(action: Callable[[], object]) -> float:
    """Seconds that an action takes, including its work on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    begin = time.perf_counter()
    action()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def precision() -> str:
    """The precision of both sides: bfloat16 if the hardware supports it, else float32."""
    return "bfloat16" if has_fast_bfloat16(device()) else "float32"


def device() -> str:
    """The device of both sides: a GPU if there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def matrix_rate(width: int, inner: int, repeats: int = 15) -> float:
    """FLOP/s that the machine reaches in matrix products of the encoder's shapes, in the compute precision.

    Args:
        width: hidden width of the encoder.
        inner: width of its feed-forward layers.
        repeats: number of repetitions over all shapes. The best one counts, because the limit is what the machine can
            reach, not what it usually reaches.
    """
    dtype: torch.dtype = getattr(torch, precision())
    rows = 2048 if device() == "cpu" else 32_768
    shapes = [(width, width)] * 4 + [(width, inner), (inner, width)]
    operands = [
        (torch.randn(rows, a, device=device(), dtype=dtype), torch.randn(b, a, device=device(), dtype=dtype))
        for a, b in shapes
    ]

    def products() -> None:
        for x, weight in operands:
            torch.nn.functional.linear(x, weight)

    products()
    taken = [seconds(products) for _ in range(repeats)]
    return sum(2.0 * rows * a * b for a, b in shapes) / min(taken)


def machine() -> dict[str, Any]:
    """Facts about the machine: processor, cores, memory, versions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    return {
        "processor": processor,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "precision": precision(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def described(machine: dict[str, Any], text: str) -> str:
    """The line below a table that names the machine and the text of the measurement."""
    facts = ", ".join(f"{key} {value}" for key, value in machine.items() if value is not None)
    return f"{facts}; text: {text}"
