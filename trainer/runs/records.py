"""What a manifest records about a run: the base, the hardware and the versions of libraries."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from adapters_hub.base import BaseEncoder
from adapters_hub.format import BaseReference

_LIBRARIES = ("modular-sentence-encoders", "torch", "transformers", "peft", "accelerate", "datasets")


def base_reference(base: BaseEncoder, components: Collection[str] | None = None) -> BaseReference:
    """The manifest's reference to the base; for a language module, pass the module's components."""
    vocabulary = base.vocabulary_fingerprint(components) if components is not None else None
    return BaseReference(base.source, base.revision, base.fingerprint, base.hub_id, vocabulary)


def run_record(settings: dict[str, Any], phases: dict[str, Any], data: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The `training` entry of a manifest.

    Args:
        settings: everything that the weights depend on.
        phases: the facts that each phase recorded.
        data: see `trainer.data.facts`.
    """
    own = {"settings": settings, "phases": phases, "data": list(data)}
    return own | {"hardware": hardware(), "versions": versions()}


def hardware() -> str:
    """The hardware that training runs on, for the card."""
    processes = PartialState().num_processes
    if PartialState().device.type == "cuda":
        return f"{processes} × {torch.cuda.get_device_name()}"
    return f"{processor()}, {os.cpu_count()} cores, {processes} process{'es' if processes > 1 else ''}"


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of the libraries that training uses."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
