"""Measurements: two sides in turns, time, peak memory of a program, the rate of matrix products, and the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch

from adapters_hub import BaseEncoder
from adapters_hub.encoder import resolve_precision
from adapters_hub.errors import AdaptersHubError
from trainer.runs.records import processor

ROOT = Path(__file__).parent.parent
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DTYPE = resolve_precision("auto", DEVICE)
"""The precision of both sides: bfloat16 if the hardware computes fast in it, else float32."""

_Part = TypeVar("_Part")
_Ours = TypeVar("_Ours")
_Peer = TypeVar("_Peer")
# A forked process inherits the peak memory of its parent: a small process in between keeps our own peak out.
_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(f"\\n{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}", file=sys.stderr)
sys.exit(code)
"""


def in_turns(
    parts: Iterable[_Part], ours: Callable[[_Part], _Ours], peer: Callable[[_Part], _Peer]
) -> tuple[list[_Ours], list[_Peer]]:
    """Measure both sides on each part in turns (A B A B …), so that slow moments of the machine affect both."""
    pairs = [(ours(part), peer(part)) for part in parts]
    return [a for a, _ in pairs], [b for _, b in pairs]


def seconds(action: Callable[[], object]) -> float:
    """Seconds that an action takes, including its work on a GPU."""
    begin = time.perf_counter()
    action()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def run(arguments: Sequence[str]) -> tuple[str, int]:
    """Run a Python program to its end.

    Returns:
        Its standard output, and the peak resident memory in bytes of the program and the processes that it started.

    Raises:
        AdaptersHubError: the program failed; the message holds the last line of its output.
    """
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "true"},
        capture_output=True,
        text=True,
    )
    errors, _, peak = done.stderr.strip().rpartition("\n")
    if done.returncode:
        raise AdaptersHubError(f"{' '.join(arguments[:6])} … failed: {(errors.splitlines() or ['no message'])[-1]}")
    return done.stdout, int(peak) * (1 if sys.platform == "darwin" else 1024)


def matrix_rate(shapes: Sequence[tuple[int, int]], repeats: int = 15) -> float:
    """FLOP/s that the machine currently reaches in matrix products, in the precision of both sides.

    Args:
        shapes: shapes of the weights.
        repeats: number of repetitions over all shapes. The best one counts, because the limit is what the machine can
            reach, not what it usually reaches.
    """
    rows = 2048 if DEVICE == "cpu" else 32_768
    operands = [
        (torch.randn(rows, a, device=DEVICE, dtype=DTYPE), torch.randn(b, a, device=DEVICE, dtype=DTYPE))
        for a, b in shapes
    ]

    def products() -> None:
        for x, weight in operands:
            torch.nn.functional.linear(x, weight)

    return sum(2.0 * rows * a * b for a, b in shapes) / min(seconds(products) for _ in range(repeats + 1))


def block_shapes(base: BaseEncoder) -> list[tuple[int, int]]:
    """Shapes of the dense layers of one of the base's blocks: four of attention, two of the feed-forward part."""
    config = base.backbone.config
    width, inner = config.hidden_size, config.intermediate_size
    return [(width, width)] * 4 + [(width, inner), (inner, width)]


def flops_of_a_token(base: BaseEncoder) -> float:
    """FLOP per token of a forward pass: two per dense weight of the blocks, without attention (a few per cent)."""
    weights: int = base.backbone.config.num_hidden_layers * sum(a * b for a, b in block_shapes(base))
    return 2.0 * weights


def machine() -> dict[str, Any]:
    """Facts about the machine: processor, cores, memory, versions."""
    return {
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if DEVICE == "cuda" else None,
        "precision": str(DTYPE).removeprefix("torch."),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
