"""Train the monolithic controls: one encoder for all languages, all parameters trained; see `trainer.controls.control`.

accelerate launch trainer/monolithic.py [--recipe RECIPE.yaml] [--full.controls "[mono,cross]"] [...]
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState
from datasets import concatenate_datasets
from transformers import set_seed

from adapters_hub import BaseEncoder, load_base
from adapters_hub.base import write_base
from adapters_hub.base.settings import TRAINING_FILE
from adapters_hub.encoder import SentenceHead
from adapters_hub.folders import sha256, write_folder
from adapters_hub.requirements import versions
from trainer.controls.control import CONTROLS, Control, with_starts
from trainer.controls.identity import recorded, settings_of
from trainer.objectives import CROSS_LINGUAL
from trainer.objectives.frozen_vectors import FrozenEncoder, frozen_language, modular_copy
from trainer.objectives.joining import beside_itself, joined_languages
from trainer.objectives.part_sources import PartSource, source_facts
from trainer.objectives.parts import Part, Reading, frozen_columns, load_part, make_part, read_rows
from trainer.objectives.sentence_training import SentenceTraining, Targets
from trainer.runs.console import run_command
from trainer.runs.identity import check_same_settings
from trainer.runs.modules import has_language_module, load_module, module_source
from trainer.runs.parsing import parse_recipe
from trainer.runs.program import Run, make_all
from trainer.runs.records import LIBRARIES, base_reference, hardware
from trainer.runs.workspace import PhaseFolder
from trainer.settings import TRAINING_DEFAULTS, Recipe, SettingsError
from trainer.training.arguments import training_arguments
from trainer.training.dropout import set_dropout
from trainer.training.embedding_trainer import SentenceModel
from trainer.training.machines import on_all

logger = logging.getLogger(__name__)

_WEIGHTS = "model.safetensors"
_ALL = "mul"
"""The ISO 639-3 code for multiple languages."""


def main() -> None:
    """Train the controls of a recipe, one after the other."""
    recipe = parse_recipe("monolithic.py", "Train the monolithic controls that modules are compared with.")
    controls = with_starts(recipe.full.controls)
    for control in controls:
        control.languages(recipe)  # raises before any training if a control has no language
    make_all(recipe, (Monolithic(recipe, control) for control in controls))


class Monolithic(Run):
    """The run that trains one monolithic control.

    Args:
        recipe: all settings.
        control: the control to train; the control that it starts from must be finished.
    """

    what = "encoder"

    def __init__(self, recipe: Recipe, control: Control) -> None:
        self.control = control
        self.start = CONTROLS[control.start].folder(recipe) if control.start else None
        self.section = control.section(recipe)
        self.sources = {language: control.sources(recipe, language) for language in control.languages(recipe)}
        sources = [source for listed in self.sources.values() for source in listed]
        super().__init__(recipe, control.folder(recipe), source_facts(sources, control.kind, recipe.pivot))

    def identify(self) -> dict[str, Any]:
        """Everything that the weights of a control depend on."""
        return settings_of(self.recipe, self.control)

    def recorded(self) -> dict[str, Any] | None:
        """The settings that the finished encoder was made with; see `Run.recorded`."""
        if not on_all((self.target / TRAINING_FILE).is_file()) or self.recipe.overwrite:
            return None
        values = recorded(self.target)
        weights = self.target / _WEIGHTS
        if not weights.is_file() or sha256(weights) != values.get("sha256"):
            raise SettingsError(
                f"{weights} does not match its hash in {TRAINING_FILE}: --overwrite true trains it again"
            )
        settings: dict[str, Any] = values.get("settings", {})
        for name in ("languages", "objective"):  # compared first, because they decide which data settings exist
            check_same_settings(self.target, {name: settings.get(name)}, {name: self.settings.get(name)})
        return settings

    def train(self, base: BaseEncoder) -> Callable[[Path], object]:
        """Train all parameters of a copy of the base, or of the control to start from."""
        with PartialState().main_process_first():
            own = load_base(self.start) if self.start else base.copy()
        logger.info("%s: training all parameters of %s", self.control.kind, own.source)
        folder = self.workspace.phase("full", self.settings)
        set_seed(self.recipe.seed)
        facts = self._fine_tune(own, base, folder)
        return lambda target: self._write(target, own, facts)

    def _fine_tune(self, base: BaseEncoder, untouched: BaseEncoder, folder: PhaseFolder) -> dict[str, Any]:
        section, recipe, control = self.section, self.recipe, self.control
        length = min(section.max_length, base.max_positions)
        frozen = recipe.pivot if control.matched else None
        reading = Reading(
            base.tokenizer, base.prompt, length, section.eval_share, recipe.pivot, frozen=frozen, seed=recipe.seed
        )
        steps = {language: control.steps(recipe, language) for language in self.sources}
        parts = self._parts(reading, steps)
        options = section.training | TRAINING_DEFAULTS["full"] | recipe.full.training
        if not {"max_steps", "num_train_epochs"} & recipe.full.training.keys():
            options["max_steps"] = sum(steps.values())
        arguments = training_arguments(control.phase, options, folder.checkpoints, recipe.seed, folder.writes)
        training = SentenceTraining(parts, reading, arguments, section)
        targets = Targets()
        if control.matched:
            pivot = _frozen_pivot(recipe, untouched, length) if control.phase == "cla" else None
            targets = training.look_up(untouched, pivot, control.teachers(recipe), recipe.hub)
        base.backbone.requires_grad_(True)
        if base.dense is not None:
            base.dense.requires_grad_(True)
        if control.matched:
            set_dropout(base.backbone, section.dropout)
        model = SentenceModel(base.backbone, SentenceHead.of(base, base.tokenizer))
        # An evaluation batch may mix languages, but all its rows must have the same kind of loss.
        kept = [part.evaluation for part in parts if part.evaluation is not None and part.kind == parts[0].kind]
        evaluation = concatenate_datasets(kept) if kept else None
        facts = training.run(model, targets, folder.logs, evaluation)
        facts["parameters"] = sum(parameter.numel() for parameter in base.backbone.parameters())
        facts["shares"] = _steps_by_name(parts, sum(steps.values()))
        base.backbone.cpu().requires_grad_(False).eval()
        return facts

    def _parts(self, reading: Reading, steps: dict[str, int]) -> list[Part]:
        """The rows of all languages; the share of each part is proportional to the training steps that it gets."""
        sources = [
            dataclasses.replace(source, share=source.share * steps[language])
            for language, listed in self.sources.items()
            for source in listed
        ]
        if self.control.matched:
            parts = [load_part(source, reading) for source in sources]
            return parts + self._pivot_parts(parts, reading)
        across = [source for source in sources if source.kind == CROSS_LINGUAL]
        others = [load_part(source, reading) for source in sources if source.kind != CROSS_LINGUAL]
        return self._joined(across, reading) + others

    def _joined(self, sources: Sequence[PartSource], reading: Reading) -> list[Part]:
        """Join every language's paraphrases with the pivot into paraphrases across all languages; a part per source."""
        pivot = reading.pivot
        by_source: dict[str, list[PartSource]] = {}
        for source in sources:
            by_source.setdefault(repr(source.source), []).append(source)
        parts = []
        for group in by_source.values():
            texts = {source.language: read_rows(source, pivot, reading.seed) for source in group}
            joined = dataclasses.replace(group[0], language=_ALL, share=sum(source.share for source in group))
            parts.append(make_part(joined, (pivot, *texts), joined_languages(texts, pivot), reading))
        return parts

    def _pivot_parts(self, parts: Sequence[Part], reading: Reading) -> list[Part]:
        """Rows that treat the pivot as one more language, in which each sentence is its own translation.

        The monolithic encoder also encodes the pivot, and the pivot's vectors must stay at the frozen targets to which
        the other languages are aligned. So every kind that looks up frozen pivot vectors also gets rows of the pivot,
        with the mean share of a language. Cross-lingual paraphrases have no translations; for these the rows are of
        kind `parallel`.

        References:
            Reimers & Gurevych 2020, Making Monolingual Sentence Embeddings Multilingual using Knowledge Distillation,
            section 3: both sides are trained.
        """
        pivot = reading.pivot
        shares: dict[str, float] = {}
        for part in parts:
            if frozen_columns(part.kind, part.languages, pivot):
                if part.source.language == pivot:  # the pivot already has rows of its own
                    return []
                kind = "parallel" if part.kind == CROSS_LINGUAL else part.kind
                shares[kind] = shares.get(kind, 0.0) + part.source.share / len(self.sources)
        if not shares:
            return []
        text = beside_itself(parts, pivot)
        return [
            make_part(PartSource(kind, pivot, parts[0].source.source, share), (pivot, pivot), text, reading)
            for kind, share in shares.items()
        ]

    def _write(self, target: Path, base: BaseEncoder, facts: dict[str, Any]) -> None:
        """Write the finished encoder as a folder that transformers and `load_base` can read."""
        with write_folder(target, replace=True) as folder:
            write_base(base, folder)
            values = {
                "kind": self.control.kind,
                "prompt": base.prompt,
                "prompts": dict(base.prompts),
                "pooling": base.pooling,
                "max_length": base.max_length,
                "base": recorded(self.start)["base"] if self.start else dataclasses.asdict(base_reference(base)),
                "languages": list(self.sources),
                "license": self.recipe.license,
                "sha256": sha256(folder / _WEIGHTS),
                "settings": self.settings,
                "training": facts,
                "data": self.data,
                "hardware": hardware(),
                "versions": versions(LIBRARIES),
            }
            text = json.dumps(values, indent=2, ensure_ascii=False, default=str)
            (folder / TRAINING_FILE).write_text(text + "\n", encoding="utf-8")


def _frozen_pivot(recipe: Recipe, base: BaseEncoder, max_length: int) -> FrozenEncoder:
    """The frozen encoder of the pivot: its module, as in stage 2, if stage 1 has made one, else the untouched base."""
    encoder = modular_copy(base)
    if not has_language_module(recipe, recipe.pivot):
        logger.info("the pivot %s has no module: its vectors are those of the untouched base", recipe.pivot)
        return frozen_language(encoder, None, max_length, recipe.pivot)
    encoder.add_module(load_module(module_source(recipe, recipe.pivot), recipe.hub, base))
    return frozen_language(encoder, recipe.pivot, max_length)


def _steps_by_name(parts: Sequence[Part], steps: int) -> dict[str, float]:
    """The number of training steps for each language and kind."""
    total = sum(part.source.share for part in parts)
    found: dict[str, float] = {}
    for part in parts:
        found[part.name] = found.get(part.name, 0.0) + part.source.share * steps / total
    return found


if __name__ == "__main__":
    run_command(main)
