"""The settings that a module's weights depend on, as its manifest records them, and the check of a finished module."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import sha256
from adapters_hub.format import FILE_NAME, Manifest, check_files
from trainer.settings import TRAINING_DEFAULTS, DataSource, Recipe, SettingsError, fill
from trainer.training.machines import on_all

# Prefixes of the fields of TrainingArguments that do not change a run's final weights.
_COSMETIC = (
    "logging",
    "save_",
    "report_to",
    "disable_tqdm",
    "run_name",
    "eval",
    "per_device_eval",
    "log_level",
    "project",
)


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
    if source.group_limit is not None:
        groups = Path(fill(source.groups, language, recipe.pivot))
        values |= {"group_limit": source.group_limit, "groups": str(groups)}
        if groups.is_file():
            values["groups_sha256"] = sha256(groups)
    return {key: value for key, value in values.items() if value not in (None, "")}


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
