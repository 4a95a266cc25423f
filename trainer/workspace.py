"""Folders in which a run lives until its module is finished: what is done, what was set, what can be resumed."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import PartialState

from adapters_hub.folders import sha256, write_folder
from trainer.settings import TRAINING_DEFAULTS, DataSource, Recipe, SettingsError, fill

logger = logging.getLogger(__name__)

_SETTINGS = "settings.json"
_UNFINISHED = "unfinished"
# Fields of TrainingArguments that do not change the weights a run ends with.
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


class Workspace:
    """The unfinished part of one module.

    Args:
        output_dir: of the recipe.
        name: of the module's folder.
    """

    def __init__(self, output_dir: str | Path, name: str) -> None:
        self.folder = Path(output_dir) / _UNFINISHED / name

    def phase(self, name: str, settings: dict[str, Any]) -> PhaseFolder:
        """The folder of a phase; emptied first if what it holds was begun with other settings."""
        folder = PhaseFolder(self.folder / name)
        text = json.dumps(settings, indent=2, sort_keys=True, default=str)
        state = PartialState()
        if state.is_main_process:
            recorded = folder.path / _SETTINGS
            begun = recorded.is_file()
            if begun and recorded.read_text(encoding="utf-8") != text:
                logger.warning("%s was begun with other settings: starting it anew", folder.path)
                shutil.rmtree(folder.path)
            folder.path.mkdir(parents=True, exist_ok=True)
            unfinished = recorded.with_suffix(".unfinished")
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(recorded)
        state.wait_for_everyone()
        return folder

    def remove(self) -> None:
        """Delete the folder; the module is finished."""
        if PartialState().is_main_process:
            shutil.rmtree(self.folder, ignore_errors=True)
            if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
                self.folder.parent.rmdir()


class PhaseFolder:
    """Checkpoints and result of one phase.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoints(self) -> Path:
        """Where the trainer keeps its checkpoints."""
        return self.path / "checkpoints"

    @property
    def result(self) -> Path:
        """What the phase has made; the folder exists only when it is complete."""
        return self.path / "result"

    def is_finished(self) -> bool:
        """Whether the result is there: every process has looked before one of them goes on and may write it."""
        finished = self.result.is_dir()
        PartialState().wait_for_everyone()
        return finished

    @property
    def logs(self) -> Path:
        """Where TensorBoard's events go; they outlive the workspace."""
        unfinished, name, phase = self.path.parts[-3:]
        assert unfinished == _UNFINISHED
        return self.path.parents[2] / "logs" / name / phase

    def finish(self, write: Callable[[Path], None]) -> None:
        """Write the result, whole or not at all, and drop the checkpoints; on the main process."""
        state = PartialState()
        state.wait_for_everyone()  # a trainer looks at its checkpoints until the very end
        if state.is_main_process:
            with write_folder(self.result, replace=True) as folder:
                write(folder)
            shutil.rmtree(self.checkpoints, ignore_errors=True)
        state.wait_for_everyone()

    def facts(self) -> dict[str, Any]:
        """What the phase wrote down about itself."""
        values: dict[str, Any] = json.loads((self.result / "facts.json").read_text(encoding="utf-8"))
        return values


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write down what a phase did, for the manifest."""
    (folder / "facts.json").write_text(json.dumps(facts, ensure_ascii=False, default=str), encoding="utf-8")


def describe(settings: Any, recipe: Recipe, language: str) -> dict[str, Any]:  # noqa: ANN401
    """A section of the recipe as plain values, for one language: data as path and content, training as it takes effect.

    What does not change the weights is left out, so that two descriptions are equal when the runs would be.
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
    """Where the text of a language is and, of a file, what is in it."""
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


def check_same_settings(target: Path, recorded: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse to pass off a finished module as made with settings that it was not made with.

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
