"""What a matched control looks up, as the modules do: vectors of the pivot, and what teachers see in its sentences."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters_hub import BaseEncoder, LanguageModule
from adapters_hub.format import LanguageModuleManifest
from trainer.controls.control import Control
from trainer.objectives import FrozenVectors
from trainer.objectives.frozen_vectors import KeptVectors, frozen_language, modular_copy
from trainer.objectives.parts import Part, frozen_texts
from trainer.objectives.teachers import BASE, Teachers
from trainer.runs.modules import has_language_module, language_module
from trainer.settings import Recipe

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Targets:
    """What the trainer looks up.

    Attributes:
        pivots: the frozen pivot's vectors, if there are any.
        teachers: those whose similarities count, if they are not `pivots`.
        facts: of the teachers, for `training.json`.
    """

    pivots: FrozenVectors | None = None
    teachers: FrozenVectors | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def find_targets(
    recipe: Recipe, control: Control, base: BaseEncoder, parts: Sequence[Part], used: Collection[int], max_length: int
) -> Targets:
    """Encode the pivot's sentences that training will see.

    Args:
        recipe: all settings.
        control: which is trained.
        base: untouched; it is copied, never changed.
        parts: its rows.
        used: those that training will see, counted over the training rows of all parts.
        max_length: tokens at which a sentence is cut, as the trained encoder's are.
    """
    kinds = {part.kind for part in parts}
    if not control.matched or kinds <= {"contrastive"}:
        return Targets()
    if control.phase == "se":
        sources, pivots = recipe.se.teachers(recipe.pivot) or [BASE], None
    else:
        sources = recipe.cla.teachers(recipe.pivot) if "graded" in kinds else []
        kept = _pivot(recipe, base, max_length)
        kept.add(frozen_texts(parts, recipe.pivot, used))
        pivots = kept.read()
    if not sources:
        return Targets(pivots)
    teachers = Teachers(sources, base, recipe.pivot, max_length, recipe.hub)
    seen = teachers.of(frozen_texts(parts, recipe.pivot, used, kinds=("relational", "graded")))
    return Targets(pivots, seen, {"teachers": teachers.facts})


def pivot_identity(recipe: Recipe) -> str:
    """Whose vectors of the pivot a control takes: the fingerprint of the pivot's module, or `base`."""
    if not has_language_module(recipe, recipe.pivot):
        return BASE
    return LanguageModuleManifest.read(language_module(recipe, recipe.pivot).folder).fingerprint


def _pivot(recipe: Recipe, base: BaseEncoder, max_length: int) -> KeptVectors:
    """The pivot as stage 2 has it: its module where there is one, else the untouched base."""
    encoder = modular_copy(base)
    if not has_language_module(recipe, recipe.pivot):
        logger.info("no module of the pivot %s: its vectors are those of the untouched base", recipe.pivot)
        return KeptVectors(frozen_language(encoder, None, max_length, recipe.pivot))
    module = LanguageModule.load(language_module(recipe, recipe.pivot).folder)
    module.check_base(base)
    encoder.add_module(module)
    return KeptVectors(frozen_language(encoder, recipe.pivot, max_length))
