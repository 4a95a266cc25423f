"""The frozen pivot of a matched control: the same as stage 2's, if the pivot has a module."""

from __future__ import annotations

import logging

from adapters_hub import BaseEncoder
from adapters_hub.hub import fetch_manifest
from trainer.objectives.frozen_vectors import FrozenEncoder, frozen_language, modular_copy
from trainer.objectives.teachers import BASE
from trainer.runs.modules import has_language_module, load_module, module_source
from trainer.settings import Recipe

logger = logging.getLogger(__name__)


def pivot_identity(recipe: Recipe) -> str:
    """The identity of the encoder that gives the pivot's vectors: the fingerprint of the pivot's module, or `base`."""
    if not has_language_module(recipe, recipe.pivot):
        return BASE
    return fetch_manifest(module_source(recipe, recipe.pivot), recipe.hub)[0].fingerprint


def frozen_pivot(recipe: Recipe, base: BaseEncoder, max_length: int) -> FrozenEncoder:
    """The frozen encoder of the pivot: its module if stage 1 has made one, else the untouched base.

    Args:
        recipe: all settings.
        base: the base encoder; it is copied, never changed.
        max_length: the number of tokens to which sentences are cut, the same as for the trained encoder.
    """
    encoder = modular_copy(base)
    if not has_language_module(recipe, recipe.pivot):
        logger.info("the pivot %s has no module: its vectors are those of the untouched base", recipe.pivot)
        return frozen_language(encoder, None, max_length, recipe.pivot)
    encoder.add_module(load_module(module_source(recipe, recipe.pivot), recipe.hub, base))
    return frozen_language(encoder, recipe.pivot, max_length)
