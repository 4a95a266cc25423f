"""What a manifest records about a run: the base, the hardware and the versions of libraries."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from adapters_hub.base import BaseEncoder
from adapters_hub.format import AlignmentManifest, BaseReference
from adapters_hub.modules import LanguageModule
from adapters_hub.requirements import versions
from trainer.data.facts import data_facts
from trainer.objectives.part_sources import encoding_sources
from trainer.settings import Recipe
from trainer.vocabulary import vocabulary_text

LIBRARIES = ("modular-sentence-encoders", "torch", "transformers", "peft", "accelerate", "datasets")
"""The libraries whose versions are recorded."""


def base_reference(base: BaseEncoder, components: Collection[str] | None = None) -> BaseReference:
    """The manifest's reference to the base; for a language module, pass the module's components."""
    vocabulary = base.vocabulary_fingerprint(components) if components is not None else None
    return BaseReference(base.source, base.revision, base.fingerprint, base.hub_id, vocabulary)


def run_record(settings: dict[str, Any], phases: dict[str, Any], data: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The `training` entry of a manifest: all that the weights depend on, each phase's facts, and those of the data."""
    own = {"settings": settings, "phases": phases, "data": list(data)}
    return own | {"hardware": hardware(), "versions": versions(LIBRARIES)}


def module_data(recipe: Recipe, language: str) -> list[dict[str, Any]]:
    """The facts about the data of a language module that a card shows."""
    own = {"vocabulary": vocabulary_text(recipe), "la": recipe.la.data}
    if recipe.vocabulary.strategy == "keep":
        del own["vocabulary"]
    sources = [(phase, language, source) for phase, source in own.items()]
    sources += [("se", part.language, part.source) for part in encoding_sources(recipe.se, language)]
    phases = recipe.phases_of(language)
    return [data_facts(source, phase, code, recipe.pivot) for phase, code, source in sources if phase in phases]


def alignment_manifest(
    recipe: Recipe,
    objective: str,
    base: BaseEncoder,
    target: LanguageModule,
    pivot: LanguageModule,
    training: dict[str, Any],
) -> AlignmentManifest:
    """The manifest of an alignment adapter; `training` is its entry of that name, from `run_record`."""
    return AlignmentManifest(
        language=target.language,
        base=base_reference(base),
        pivot=recipe.pivot,
        objective=objective,
        pivot_fingerprint=pivot.manifest.fingerprint,
        target_fingerprint=target.manifest.fingerprint,
        pivot_module=pivot.address or "",
        target_module=target.address or "",
        license=recipe.license,
        training=training,
    )


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
