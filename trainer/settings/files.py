"""Recipes as files: what is in one, and which others it extends."""

from __future__ import annotations

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


def chain_of(recipe: Path) -> list[Path]:
    """A recipe after the ones that it extends, in the order in which they apply.

    Raises:
        SettingsError: a recipe extends itself, or one that does not exist.
        AdaptersHubError: a file cannot be read.
    """
    chain = [recipe]
    while extended := values_in(chain[0]).get("extends"):
        following = chain[0].parent / str(extended)
        if not following.is_file():
            raise SettingsError(f"{chain[0]} extends {str(extended)!r}, but {following} does not exist")
        if following.resolve() in [one.resolve() for one in chain]:
            raise SettingsError(f"{recipe} extends itself, by way of {chain[0]}")
        chain.insert(0, following)
    return chain


def merged_values(recipe: Path) -> dict[str, Any]:
    """The settings of a recipe over those of the recipes that it extends; errors as those of `chain_of`."""
    values: dict[str, Any] = {}
    for one in chain_of(recipe):
        values = over(values, values_in(one))
    values.pop("extends", None)
    return values


def over(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Changes over values, section by section."""
    result = dict(values)
    for key, change in changes.items():
        inner = result.get(key)
        result[key] = over(inner, change) if isinstance(change, dict) and isinstance(inner, dict) else change
    return result
