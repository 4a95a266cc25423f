"""The settings that the weights of a monolithic control depend on, and the record of a finished control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters_hub.base.settings import TRAINING_FILE
from adapters_hub.reading import read_json
from trainer.controls.control import CONTROLS, Control
from trainer.objectives.part_sources import PartSource
from trainer.objectives.teachers import BASE, identity
from trainer.runs.identity import describe, describe_data, fingerprint, mixed_data
from trainer.runs.modules import has_language_module, module_source
from trainer.settings import Recipe, SettingsError

_TAKEN = ("max_length", "scale", "tokens_per_pass", "gradient_cache", "eval_share", "training")
"""Settings taken from the phase's section; its others concern adapters, or where the data is."""


def settings_of(recipe: Recipe, control: Control) -> dict[str, Any]:
    """Everything that the weights of a control depend on."""
    languages = control.languages(recipe)
    sources = {language: control.sources(recipe, language) for language in languages}
    kinds = {source.kind for listed in sources.values() for source in listed}
    section = describe(control.section(recipe), recipe, languages[0])
    values = {name: section[name] for name in _TAKEN}
    values["training"] = section["training"] | describe(recipe.full, recipe, recipe.pivot)["training"]
    values |= {name: getattr(recipe, name) for name in ("base", "revision", "prompt", "pooling", "seed")}
    values |= {"control": control.name, "languages": languages, "objective": control.objective(recipe)}
    values["data"] = _data(recipe, sources)
    if len(kinds) > 1:
        share = "relational_share" if control.phase == "se" else "parallel_share"
        values[share] = section[share]
    if kinds != {"contrastive"}:
        values["pivot"] = recipe.pivot
    values["mixed"] = mixed_data([source for listed in sources.values() for source in listed], recipe)
    if control.matched:
        values |= _matched(recipe, control)
    if section["training"].get("max_steps", -1) <= 0:  # the number of steps follows from the modules' data
        modules = {language: control.module_sources(recipe, language) for language in languages}
        shares = {language: [source.share for source in listed] for language, listed in modules.items()}
        values["modules"] = {"data": _data(recipe, modules), "shares": shares}
    if control.start:
        values["start"] = recorded(CONTROLS[control.start].folder(recipe))["sha256"]
    return values


def _matched(recipe: Recipe, control: Control) -> dict[str, Any]:
    values: dict[str, Any] = {
        "dropout": control.section(recipe).dropout,
        "teacher": [identity(source, recipe.hub) for source in control.teachers(recipe)],
    }
    if control.phase == "cla":
        has_module = has_language_module(recipe, recipe.pivot)
        values["pivot_vectors"] = fingerprint(module_source(recipe, recipe.pivot), recipe) if has_module else BASE
    return values


def _data(recipe: Recipe, sources: dict[str, list[PartSource]]) -> dict[str, dict[str, Any]]:
    """A description of each language's data, by kind."""
    values: dict[str, dict[str, Any]] = {}
    for language, listed in sources.items():
        found: dict[str, list[dict[str, Any]]] = {}
        for source in listed:
            name = source.kind if source.language == language else f"{source.language} {source.kind}"
            found.setdefault(name, []).append(describe_data(source.source, recipe, source.language))
        values[language] = {name: data[0] if len(data) == 1 else data for name, data in found.items()}
    return values


def recorded(folder: Path) -> dict[str, Any]:
    """The record of a finished control.

    Raises:
        SettingsError: the file is damaged.
    """
    try:
        values: dict[str, Any] = dict(read_json(folder / TRAINING_FILE))
        return values
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{folder / TRAINING_FILE} cannot be read: --overwrite true trains it again") from error
