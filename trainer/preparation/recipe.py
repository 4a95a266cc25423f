"""The recipe for a language, fitted to the data that was found: a shipped one without the parts that lack data."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from adapters_hub.languages import language_name
from trainer.preparation.assembling import Assembled
from trainer.preparation.settings import PreparationSettings
from trainer.settings import RECIPES, fill
from trainer.settings.files import merged_values

logger = logging.getLogger(__name__)

# Least numbers of parallel lines, and of their sources, for the shipped recipes: see docs/train.md.
_MUCH, _SOME, _KINDS = 20_000, 8_000, 3
_HOME = "data/"
"""The folder that the shipped recipes read from."""


@dataclass(frozen=True)
class Situation:
    """The data and settings that a recipe is written for.

    Attributes:
        settings: the settings of the preparation.
        files: the merged files, by path in the folder.
    """

    settings: PreparationSettings
    files: Mapping[str, Assembled]

    def found(self, kind: str) -> Assembled | None:
        """The file of a kind in the language; None if there is none."""
        crossing = f"{self.settings.pivot}-" if kind in ("parallel", "cross-paraphrase") else ""
        name = crossing + self.settings.language
        return next((file for path, file in self.files.items() if path.startswith(f"{kind}/{name}.")), None)


def tier(situation: Situation) -> str:
    """The name of the shipped recipe that fits."""
    if situation.settings.language == situation.settings.pivot:
        return "pivot"
    parallel = situation.found("parallel")
    lines, kinds = (parallel.lines, len(parallel.labels)) if parallel else (0, 0)
    if lines >= _MUCH and kinds >= _KINDS:
        return "high_resource"
    if situation.settings.related:
        return "low_resource" if lines >= _SOME else "very_low_resource"
    return "no_relative"


def fitted(situation: Situation) -> dict[str, Any]:
    """The settings of the recipe that fits, changed to read the data that was found."""
    values = merged_values(RECIPES / f"{tier(situation)}.yaml")
    own: dict[str, Any] = {"base": situation.settings.base, "output_dir": situation.settings.modules}
    if situation.settings.language == situation.settings.pivot:
        return {"languages": [situation.settings.pivot], "pivot": situation.settings.pivot} | values | own
    # The pivot's module is the untouched base: see trainer/recipes/pivot.yaml.
    own |= {"languages": [situation.settings.pivot, situation.settings.language]}
    head: dict[str, Any] = {"languages": [], "pivot": situation.settings.pivot, "pivot_phases": ["vocabulary"]}
    values = head | values | own
    _start(values, situation)
    _choose_stage1(values, situation)
    _choose_stage2(values, situation)
    for source in _sources(values):
        _point(source, situation)
    return values


def _start(values: dict[str, Any], situation: Situation) -> None:
    """Start from the related language's modules, or from nothing."""
    stage1, stage2 = values["se"], values["cla"]
    for section, part, suffix in (
        (stage1, stage1["lora"], ""),
        (stage2, stage2, f"-{situation.settings.pivot}-{stage2['objectives'][0]}"),
    ):
        section.pop("related", None)
        start = part.pop("start", None)
        if situation.settings.related and start:
            section["related"] = [situation.settings.related]
            part["start"] = f"{situation.settings.modules}/{situation.settings.related}{suffix}"


def _choose_stage1(values: dict[str, Any], situation: Situation) -> None:
    section = values["se"]
    parallel, paraphrase = situation.found("parallel"), situation.found("paraphrase")
    batch = section["training"].get("per_device_train_batch_size", 1)
    enough = paraphrase is not None and paraphrase.lines >= batch
    if not parallel:
        section.pop("relations", None)
    if not paraphrase:
        section.pop("data", None)
    if parallel and not enough:
        section["objective"] = "relational"
    elif paraphrase and not parallel:
        section["objective"] = "contrastive"
    elif not parallel:
        values["phases"] = ["vocabulary", "la"]
        values.pop("se")
        # The base's embeddings stay frozen, so that data of a related language can be added to the training later.
        values["la"] = {"data": {"path": f"{_HOME}mono/{{language}}.txt.xz"}, "train_embeddings": False}


def _choose_stage2(values: dict[str, Any], situation: Situation) -> None:
    section = values["cla"]
    parallel, cross = situation.found("parallel"), situation.found("cross-paraphrase")
    if cross:
        section["paraphrase"] = {"path": f"{_HOME}cross-paraphrase/{{pivot}}-{{language}}.tsv.xz"}
    if not parallel:
        section.pop("parallel", None)
        section.pop("mixed", None)
        section["objectives"] = ["paraphrase"]
        if not cross:
            values.pop("cla")
            values.pop("full", None)
        return
    words = RECIPES / "lexicon" / f"{situation.settings.language}.tsv"
    sentences = f"paraphrase/{situation.settings.pivot}.tsv.xz"
    if not words.is_file() or sentences not in situation.files:
        section.pop("mixed", None)


def _sources(values: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """All descriptions of data in a recipe."""
    if isinstance(values, dict):
        if str(values.get("path", "")).startswith(_HOME):
            yield values
        values = list(values.values())
    for inner in values if isinstance(values, list) else ():
        yield from _sources(inner)


def _point(source: dict[str, Any], situation: Situation) -> None:
    """Make a description of data name the merged file, its sources and its licences."""
    name = source["path"].removeprefix(_HOME)
    file = situation.files[fill(name, situation.settings.language, situation.settings.pivot)]
    source["path"] = Path(situation.settings.output, name).as_posix()
    if "groups" in source:
        source["groups"] = Path(situation.settings.output, source["groups"].removeprefix(_HOME)).as_posix()
        if len(file.labels) == 1:  # there are no other groups that it could outnumber
            for key in ("groups", "group_limit", "leave_out"):
                source.pop(key, None)
    source["name"] = ", ".join(file.names)
    source["license"] = "; ".join(file.licenses) or "unknown"


def text_of(situation: Situation) -> str:
    """The recipe as YAML, with comments that say how it was made."""
    language = situation.settings.language
    found = [f"{file.lines:,} lines of {path}" for path, file in situation.files.items() if language in path]
    return (
        f"# {language_name(language)}, written by trainer/prepare.py for {', '.join(found) or 'no text'}.\n"
        f"# The settings are those of trainer/recipes/{tier(situation)}.yaml, which explains them.\n"
        "# Edit it as you like: trainer/prepare.py never overwrites an edited recipe.\n"
    ) + yaml.safe_dump(fitted(situation), sort_keys=False, allow_unicode=True, width=120)
