"""Find the language modules that a recipe builds on, in folders or on the Hub."""

from __future__ import annotations

from pathlib import Path

from accelerate import PartialState

from adapters_hub.errors import CompositionError
from adapters_hub.hub import Fetched, fetch_module
from trainer.settings import Recipe, fill


def language_module(recipe: Recipe, language: str) -> Fetched:
    """Find the stage-1 module of a language; one on the Hub is downloaded.

    Raises:
        CompositionError: there is no such module.
    """
    source = _module_source(recipe, language)
    if not has_language_module(recipe, language):
        # The recipe is written for another language and may not suit the pivot.
        own = " (if the untouched base is to serve as the pivot: with --recipe trainer/recipes/pivot.yaml)"
        raise CompositionError(
            f"{source} has no language module: run trainer/stage1.py --languages {language} first"
            + (own if language == recipe.pivot else "")
        )
    with PartialState().main_process_first():
        return fetch_module(source, recipe.hub)


def has_language_module(recipe: Recipe, language: str) -> bool:
    """Whether stage 1 has written the module of a language; assumed if the recipe gives a path with `{language}`."""
    one_by_one = "{language}" in (recipe.modules_dir or recipe.output_dir)
    return one_by_one or (Path(_module_source(recipe, language)) / "module.json").is_file()


def _module_source(recipe: Recipe, language: str) -> str:
    place = recipe.modules_dir or recipe.output_dir
    return fill(place, language, recipe.pivot) if "{language}" in place else str(Path(place) / language)
