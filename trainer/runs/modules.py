"""The language modules that a recipe builds on: where they lie, or which Hub repos they are."""

from __future__ import annotations

from pathlib import Path

from accelerate import PartialState

from adapters_hub.errors import CompositionError
from adapters_hub.hub import Fetched, fetch_module
from trainer.settings import Recipe, fill


def language_module(recipe: Recipe, language: str) -> Fetched:
    """Where the language module of stage 1 lies; fetched if it is on a hub.

    Raises:
        CompositionError: it is not there.
    """
    source = _module_source(recipe, language)
    if not has_language_module(recipe, language):
        # The recipe of another language need not fit the pivot.
        own = " (a pivot that is the base as it is: with --recipe trainer/recipes/pivot.yaml)"
        raise CompositionError(
            f"{source} has no language module: run trainer/stage1.py --languages {language} first"
            + (own if language == recipe.pivot else "")
        )
    with PartialState().main_process_first():
        return fetch_module(source, recipe.hub)


def has_language_module(recipe: Recipe, language: str) -> bool:
    """Whether stage 1 left one; of those that the recipe names one by one it is taken for granted."""
    one_by_one = "{language}" in (recipe.modules_dir or recipe.output_dir)
    return one_by_one or (Path(_module_source(recipe, language)) / "module.json").is_file()


def _module_source(recipe: Recipe, language: str) -> str:
    place = recipe.modules_dir or recipe.output_dir
    return fill(place, language, recipe.pivot) if "{language}" in place else str(Path(place) / language)
