"""The settings that the weights of a module depend on, as its manifest records them, and the check against them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import sha256
from adapters_hub.format import FILE_NAME, Manifest, check_files
from adapters_hub.hub import fetch_manifest
from trainer.data.rules import read_rules
from trainer.objectives.part_sources import PartSource, encoding_sources, mixed_languages
from trainer.objectives.teachers import identity
from trainer.runs.modules import module_source
from trainer.settings import TRAINING_DEFAULTS, DataSource, Recipe, SettingsError, fill
from trainer.training.machines import on_all
from trainer.vocabulary import vocabulary_text

# Prefixes of the fields of TrainingArguments that do not change a run's final weights.
_COSMETIC = (
    *("logging", "save_", "report_to", "disable_tqdm", "run_name"),
    *("eval", "per_device_eval", "log_level", "project"),
)


def module_settings(recipe: Recipe, language: str) -> dict[str, Any]:
    """Everything that the weights of a language module depend on."""
    phases = {phase: getattr(recipe, phase) for phase in recipe.phases_of(language)}
    values: dict[str, Any] = {phase: describe(section, recipe, language) for phase, section in phases.items()}
    for name in ("base", "revision", "prompt", "pooling", "seed", "max_length", "start_from"):
        values[name] = getattr(recipe, name)
    if recipe.start_from:
        values["start_from_module"] = fingerprint(recipe.start_from, recipe)
    for phase in ("la", "se"):
        if phase in phases and (start := phases[phase].lora.start):
            values[phase]["start_module"] = fingerprint(fill(start, language, recipe.pivot), recipe)
    if "vocabulary" in phases:
        values["vocabulary"]["data"] = describe_data(vocabulary_text(recipe), recipe, language)
        values["vocabulary"] |= _rules(recipe, language)
    if "se" in phases:
        values["se"]["related_data"] = _related_data(encoding_sources(recipe.se, language), recipe, language)
        values["se"]["teacher"] = [identity(source, recipe.hub) for source in recipe.se.teachers(recipe.pivot)]
    return values


def alignment_settings(recipe: Recipe, language: str, objective: str, sources: Sequence[PartSource]) -> dict[str, Any]:
    """Everything that the weights of an alignment adapter depend on; `sources` are those of its training rows."""
    values = describe(recipe.cla, recipe, language)
    kinds = {part.kind for part in sources}
    unused = {"objectives"}
    if "paraphrase" not in kinds:
        unused.add("paraphrase")
    if not kinds & {"parallel", "graded"}:
        unused.add("parallel")
    values = {name: value for name, value in values.items() if name not in unused}
    values["related_data"] = _related_data(sources, recipe, language)
    values["mixed"] = mixed_data(sources, recipe)
    values["teacher"] = [identity(source, recipe.hub) for source in recipe.cla.teachers(recipe.pivot)]
    if recipe.cla.start:
        values["start_adapter"] = fingerprint(fill(recipe.cla.start, language, recipe.pivot), recipe)
    return {
        "objective": objective,
        "pivot": recipe.pivot,
        "seed": recipe.seed,
        "pivot_module": fingerprint(module_source(recipe, recipe.pivot), recipe),
        "target_module": fingerprint(module_source(recipe, language), recipe),
        "cla": values,
    }


def mixed_data(sources: Sequence[PartSource], recipe: Recipe) -> dict[str, Any]:
    """The settings of the mixed sentences that are added to some parts, by language."""
    return {code: describe(recipe.cla.mixed, recipe, code) for code in mixed_languages(sources, recipe.pivot)}


def _related_data(sources: Sequence[PartSource], recipe: Recipe, language: str) -> dict[str, Any]:
    """The data of other languages that a language is trained on, by language, and the rules that rewrite it."""
    described = {}
    for part in sources:
        if part.language != language:
            described[part.language] = describe_data(part.source, recipe, part.language)
            described[part.language] |= _rules(recipe, part.language)
    return described


def _rules(recipe: Recipe, language: str) -> dict[str, Any]:
    """The number and the hash of the rules that rewrite a language's text, which stand in its tokenizer."""
    rules = read_rules(recipe.vocabulary.rewrite, language, recipe.pivot)
    return {"rules": len(rules), "rules_sha256": hashlib.sha256(repr(rules).encode()).hexdigest()} if rules else {}


def fingerprint(module: str, recipe: Recipe) -> str:
    """The fingerprint of a module, from its manifest alone."""
    return fetch_manifest(module, recipe.hub)[0].fingerprint


def describe(settings: Any, recipe: Recipe, language: str) -> dict[str, Any]:  # noqa: ANN401
    """A section of the recipe as plain values, for one language: data by path and hash, training with its defaults.

    Settings that do not change the weights are left out, so that runs with equal descriptions end with equal weights.
    """
    values: dict[str, Any] = {}
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        if isinstance(value, DataSource):
            values[item.name] = describe_data(value, recipe, language)
        elif isinstance(value, list) and value and all(isinstance(one, DataSource) for one in value):
            values[item.name] = [describe_data(one, recipe, language) for one in value]
        elif dataclasses.is_dataclass(value):
            values[item.name] = describe(value, recipe, language)
        elif item.name == "training":
            phase = next(name for name in TRAINING_DEFAULTS if getattr(recipe, name) is settings)
            merged = TRAINING_DEFAULTS[phase] | value
            values["training"] = {key: merged[key] for key in sorted(merged) if not key.startswith(_COSMETIC)}
        else:
            values[item.name] = value
    return values


def describe_data(source: DataSource, recipe: Recipe, language: str) -> dict[str, Any]:
    """The path and selection of a language's data and, if it is a file, its size and hash."""
    path = fill(source.path, language, recipe.pivot)
    values: dict[str, Any] = {"path": path, "columns": source.columns, "subset": source.subset, "limit": source.limit}
    if source.split != "train":
        values["split"] = source.split
    if Path(path).is_file():
        values |= {"bytes": Path(path).stat().st_size, "sha256": sha256(Path(path))}
    if source.group_limit is not None or source.leave_out:
        groups = Path(fill(source.groups, language, recipe.pivot))
        values |= {"group_limit": source.group_limit, "leave_out": sorted(source.leave_out), "groups": str(groups)}
        if groups.is_file():
            values["groups_sha256"] = sha256(groups)
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def finished(target: Path, kind: type[Manifest], overwrite: bool) -> dict[str, Any] | None:
    """The settings that a finished module was made with; None if a machine lacks it, or if `overwrite` is set.

    Raises:
        SettingsError: the module is damaged.
    """
    if not on_all((target / FILE_NAME).is_file()) or overwrite:
        return None
    try:
        manifest = kind.read(target)
        check_files(target, manifest)
    except (AdaptersHubError, OSError) as error:
        raise SettingsError(f"{error} (--overwrite true trains {target} again)") from error
    settings: dict[str, Any] = manifest.training.get("settings", {})
    return settings


def check_same_settings(target: Path, recorded: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse a finished module that was made with other settings than those wanted.

    Raises:
        SettingsError: names the first setting that differs.
    """
    plain = json.loads(json.dumps(wanted, default=str))
    if difference := _first_difference(recorded, plain, ""):
        raise SettingsError(
            f"{target} is finished, but with other settings ({difference}): "
            "--overwrite true trains it again, --output_dir keeps both"
        )


def _first_difference(a: Any, b: Any, where: str) -> str | None:  # noqa: ANN401
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            if found := _first_difference(a.get(key), b.get(key), f"{where}.{key}".lstrip(".")):
                return found
        return None
    return None if a == b else f"{where}: {a!r}, now {b!r}"
