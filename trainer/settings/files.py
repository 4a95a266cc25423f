"""Recipes as files: what is in one, and which others it extends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from adapters_hub.reading import read_text
from trainer.settings.errors import SettingsError


def values_in(recipe: Path) -> dict[str, Any]:
    """The settings in a YAML file.

    Raises:
        AdaptersHubError: the file cannot be read as UTF-8.
        SettingsError: it does not exist, or does not hold settings.
    """
    if not recipe.exists():
        raise SettingsError(f"recipe: File does not exist: {str(recipe)!r} (--help explains every setting)")
    try:
        values = yaml.safe_load(read_text(recipe))
    except RecursionError:
        raise SettingsError(f"{recipe} is nested too deeply to be a recipe") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{recipe} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict | None):
        raise SettingsError(f"{recipe} is not a recipe: expected settings by name, found a {type(values).__name__}")
    return values or {}


def merged_values(recipe: Path, above: Sequence[Path] = ()) -> dict[str, Any]:
    """The settings of a recipe over those of the recipe that it extends; `above` are the recipes that extend it.

    Raises:
        SettingsError: a recipe does not exist or hold settings, or extends itself.
        AdaptersHubError: a file cannot be read.
    """
    values = values_in(recipe)
    extended = values.pop("extends", None)
    if not extended:
        return values
    following = recipe.parent / str(extended)
    if not following.is_file():
        raise SettingsError(f"{recipe} extends {str(extended)!r}, but {following} does not exist")
    above = (*above, recipe.resolve())
    if following.resolve() in above:
        raise SettingsError(f"{following} extends itself, by way of {recipe}")
    return over(merged_values(following, above), values)


def over(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Changes over values, section by section."""
    result = dict(values)
    for key, change in changes.items():
        inner = result.get(key)
        result[key] = over(inner, change) if isinstance(change, dict) and isinstance(inner, dict) else change
    return result
