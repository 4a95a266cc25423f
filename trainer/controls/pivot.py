"""The frozen pivot of a matched control: the one that stage 2 has, where there is one."""

from __future__ import annotations

import logging

from adapters_hub import BaseEncoder, LanguageModule
from adapters_hub.format import LanguageModuleManifest
from trainer.objectives.frozen_vectors import FrozenEncoder, frozen_language, modular_copy
from trainer.objectives.teachers import BASE
from trainer.runs.modules import has_language_module, language_module
from trainer.settings import Recipe

logger = logging.getLogger(__name__)


def pivot_identity(recipe: Recipe) -> str:
    """Whose vectors of the pivot a control takes: the fingerprint of the pivot's module, or `base`."""
    if not has_language_module(recipe, recipe.pivot):
        return BASE
    return LanguageModuleManifest.read(language_module(recipe, recipe.pivot).folder).fingerprint


def frozen_pivot(recipe: Recipe, base: BaseEncoder, max_length: int) -> FrozenEncoder:
    """The pivot's module where stage 1 has left one, else the untouched base.

    Args:
        recipe: all settings.
        base: untouched; it is copied, never changed.
        max_length: tokens at which a sentence is cut, as the trained encoder's are.
    """
    encoder = modular_copy(base)
    if not has_language_module(recipe, recipe.pivot):
        logger.info("no module of the pivot %s: its vectors are those of the untouched base", recipe.pivot)
        return frozen_language(encoder, None, max_length, recipe.pivot)
    module = LanguageModule.load(language_module(recipe, recipe.pivot).folder)
    module.check_base(base)
    encoder.add_module(module)
    return frozen_language(encoder, recipe.pivot, max_length)
