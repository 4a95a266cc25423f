"""Stage 1: train a language module on text and paraphrases of one language.

accelerate launch trainer/stage1.py [--recipe RECIPE.yaml] [--languages deu,kaz] [...]
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from accelerate import PartialState
from safetensors.torch import load_file, save_file
from transformers import set_seed

from adapters_hub import BaseEncoder
from adapters_hub.base import for_language
from adapters_hub.encoder import SentenceHead, prompt_length
from adapters_hub.format import ADAPTERS, LanguageModuleManifest
from adapters_hub.hub import fetch_manifest
from adapters_hub.modules import halved, save_language_module, write_vocabulary
from trainer.data.batches import Rows, tokenize
from trainer.data.corpora import load_text
from trainer.data.facts import data_facts
from trainer.data.rules import read_rules
from trainer.objectives.part_sources import encoding_sources
from trainer.objectives.parts import Reading, load_part
from trainer.objectives.sentence_training import SentenceTraining
from trainer.objectives.teachers import BASE, identity
from trainer.runs.console import run_command
from trainer.runs.identity import describe, describe_data, finished
from trainer.runs.parsing import parse_recipe
from trainer.runs.program import Run, make_all
from trainer.runs.unfinished import UnfinishedModule
from trainer.runs.workspace import PhaseFolder, write_facts
from trainer.settings import PHASES, DataSource, Recipe, SettingsError, fill
from trainer.training.arguments import training_arguments
from trainer.training.dropout import set_dropout
from trainer.training.embedding_trainer import SentenceModel
from trainer.training.language_adaptation import (
    LanguageAdaptationTrainer,
    MaskedLanguageModel,
    check_can_mask,
    mlm_head,
    pretrained_output_bias,
)
from trainer.training.masking import MaskingCollator, pack
from trainer.training.steps import rows_in_order, split
from trainer.vocabulary import build_vocabulary

logger = logging.getLogger(__name__)

_BIAS_FILE = "output_bias.safetensors"


def main() -> None:
    """Train the language modules of a recipe, one after the other."""
    recipe = parse_recipe("stage1.py", "Stage 1: train language modules.")
    make_all(recipe, (Stage1(recipe, language) for language in recipe.language_list))


class Stage1(Run):
    """The phases of one language: vocabulary, LA (language adaptation) and SE (sentence encoding).

    Args:
        recipe: all settings.
        language: ISO 639-3.
    """

    module: UnfinishedModule

    def __init__(self, recipe: Recipe, language: str) -> None:
        super().__init__(recipe, Path(recipe.output_dir) / language)
        self.language = language
        self.phases = recipe.phases_of(language)
        self.data = [
            data_facts(source, phase, code, recipe.pivot)
            for phase, code, source in self._sources()
            if phase in self.phases
        ]

    def identify(self) -> dict[str, Any]:
        """Everything that the weights of a language module depend on."""
        recipe, language = self.recipe, self.language
        values: dict[str, Any] = {phase: describe(getattr(recipe, phase), recipe, language) for phase in self.phases}
        for name in ("base", "revision", "prompt", "pooling", "seed", "max_length", "start_from"):
            values[name] = getattr(recipe, name)
        if "se" in values:
            parts = encoding_sources(recipe.se, language)
            relatives = {part.language: part.source for part in parts if part.language != language}
            values["se"]["related_data"] = {code: describe_data(data, recipe, code) for code, data in relatives.items()}
            values["se"]["teacher"] = [identity(source, recipe.hub) for source in recipe.se.teachers(recipe.pivot)]
        for phase in ("la", "se"):
            if phase in values and (start := getattr(recipe, phase).lora.start):
                source = fill(start, language, recipe.pivot)
                values[phase]["start_module"] = fetch_manifest(source, recipe.hub)[0].fingerprint
        if recipe.start_from:
            values["start_from_module"] = fetch_manifest(recipe.start_from, recipe.hub)[0].fingerprint
        if "vocabulary" in values and (rules := read_rules(recipe.vocabulary.rewrite, language, recipe.pivot)):
            values["vocabulary"]["rules"] = [list(rule) for rule in rules]
        if "vocabulary" in values and not recipe.vocabulary.data.path:
            values["vocabulary"]["data"] = describe(recipe.la, recipe, language)["data"]
        return values

    def recorded(self) -> dict[str, Any] | None:
        """The settings that the finished module was made with; see `Run.recorded`."""
        return finished(self.target, LanguageModuleManifest, self.recipe.overwrite)

    def train(self, base: BaseEncoder) -> bool:
        """Run the unfinished phases and assemble the module; return False if the recipe stops earlier."""
        recipe = self.recipe
        self.module = UnfinishedModule(recipe, self.language, base, self.settings, self.data)
        if "la" in self.phases:
            check_can_mask(base)
        if recipe.start_from:
            self.module.take_over(recipe.start_from, self.phases)
        if "vocabulary" in self.phases:
            self.module.facts["vocabulary"] = {"strategy": recipe.vocabulary.strategy}
        if "se" in self.phases and recipe.se.related_list and not self.module.has_base_embeddings:
            raise SettingsError(
                "se.related needs the base's own embeddings: set vocabulary.strategy to trim or keep, and leave la out "
                "of the phases or set la.train_embeddings to false; a module given as --start_from must be made so too"
            )
        steps = {"vocabulary": self._vocabulary, "la": self._language_adaptation, "se": self._sentence_encoding}
        chain: dict[str, Any] = {key: value for key, value in self.settings.items() if key not in PHASES}
        for phase in self.phases:
            chain[phase] = self.settings[phase]
            folder = self.workspace.phase(phase, chain)
            if not folder.is_finished():
                logger.info("%s: %s", self.language, phase)
                set_seed(recipe.seed)
                steps[phase](folder)
            self.module.collect(phase, folder)
            if phase == recipe.stop_after:
                logger.info("%s: stopped after %s; run without --stop_after to continue", self.language, phase)
                return False
        self._assemble()
        return True

    def _vocabulary(self, folder: PhaseFolder) -> None:
        """Make the tokenizer and embeddings of the language."""
        settings, base, rules = self.recipe.vocabulary, self.module.base, self.module.rules

        def write(result: Path) -> None:
            source, data = self._vocabulary_source(), None
            if settings.strategy != "keep":
                data = load_text(source, self.language, self.recipe.pivot)
            bias, seed = pretrained_output_bias(base), self.recipe.seed
            vocabulary = build_vocabulary(
                base,
                settings,
                self.language,
                data,
                bias,
                seed,
                prompts=[base.prompt, *base.prompts.values()],
                rules=rules,
            )
            tokenizer = for_language(vocabulary.tokenizer, self.language)
            trains = "la" in self.phases and self.recipe.la.train_embeddings
            if settings.strategy != "keep" or trains:
                # Modules store half precision; rounding here makes training start from the values that a module holds.
                write_vocabulary(result, tokenizer, halved({"weight": vocabulary.embeddings})["weight"])
            elif rules:
                write_vocabulary(result, tokenizer, None)
            if vocabulary.output_bias is not None:
                save_file({"bias": vocabulary.output_bias.contiguous()}, result / _BIAS_FILE)
            write_facts(result, vocabulary.facts)

        folder.finish(write)

    def _language_adaptation(self, folder: PhaseFolder) -> None:
        """Train the language LoRA, and the embeddings, to predict masked tokens."""
        settings, recipe = self.recipe.la, self.recipe
        base, tokenizer = self.module.composed(trains_embeddings=settings.train_embeddings)
        with PartialState().main_process_first():
            text = load_text(settings.data, self.language, recipe.pivot)
            length, what = min(settings.max_length, base.max_positions), f"{self.language} text"
            if settings.packing:
                encoded = pack(text, tokenizer, base.prompt, length, what)
            else:
                encoded = tokenize(text, ["text"], tokenizer, base.prompt, length, what)
        train, evaluation = split(encoded, settings.eval_share)
        arguments = training_arguments("la", settings.training, folder.checkpoints, recipe.seed, folder.writes)
        rows, order = rows_in_order([train], arguments, recipe.seed)

        write_adapter = self.module.inject(base, settings.lora, ADAPTERS[0])
        base.token_embeddings.weight.requires_grad_(settings.train_embeddings)
        head = mlm_head(base, base.token_embeddings.num_embeddings, self._output_bias())
        skipped = prompt_length(tokenizer, base.prompt)
        trainer = LanguageAdaptationTrainer(
            MaskedLanguageModel(base.backbone, base.token_embeddings, head),
            arguments,
            rows,
            order,
            MaskingCollator(tokenizer, settings.mask_probability, recipe.seed, settings.tokens_per_pass, skipped),
            eval_rows=Rows(evaluation) if evaluation else None,
        )
        facts = trainer.run(folder.logs) | {"rows": len(train)}

        def write(result: Path) -> None:
            write_adapter(result / ADAPTERS[0])
            if settings.train_embeddings:
                write_vocabulary(result, tokenizer, halved({"weight": base.token_embeddings.weight})["weight"])
            write_facts(result, facts)

        folder.finish(write)

    def _sentence_encoding(self, folder: PhaseFolder) -> None:
        """Train the sentence LoRA on paraphrases, on a teacher's similarities, or on both."""
        settings, recipe = self.recipe.se, self.recipe
        base, tokenizer = self.module.composed(whole_vocabulary=bool(settings.related_list))
        arguments = training_arguments("se", settings.training, folder.checkpoints, recipe.seed, folder.writes)
        length, pivot = min(settings.max_length, base.max_positions), recipe.pivot
        reading = Reading(tokenizer, base.prompt, length, settings.eval_share, pivot, frozen=pivot, seed=recipe.seed)
        parts = [load_part(source, reading) for source in encoding_sources(settings, self.language)]
        training = SentenceTraining(parts, arguments, recipe, frozen=pivot)
        targets = training.look_up(self.module.base, None, settings.teachers(pivot) or [BASE], length)

        set_dropout(base.backbone, settings.dropout)  # before the LoRA is injected: it has its own dropout
        write_adapter = self.module.inject(base, settings.lora, ADAPTERS[1])
        model = SentenceModel(base.backbone, SentenceHead.of(base, tokenizer))
        facts = training.run(model, int(tokenizer.pad_token_id), settings, targets, folder.logs)

        def write(result: Path) -> None:
            write_adapter(result / ADAPTERS[1])
            write_facts(result, facts)

        folder.finish(write)

    def _assemble(self) -> None:
        if self.workspace.writes:
            module = save_language_module(self.target, self.module.manifest(), self.module.parts, replace=True)
            size = sum(file.size for file in module.manifest.files.values())
            logger.info("%s: module written to %s (%.1f MB)", self.language, self.target, size / 1e6)
        PartialState().wait_for_everyone()
        self.workspace.remove(self.target)

    def _output_bias(self) -> Any:  # noqa: ANN401 - a tensor or None
        path = self.workspace.folder / "vocabulary" / "result" / _BIAS_FILE
        if path.is_file():
            return load_file(path)["bias"]
        return None if "vocabulary" in self.module.parts else pretrained_output_bias(self.module.base)

    def _vocabulary_source(self) -> DataSource:
        own = self.recipe.vocabulary.data
        return own if own.path else self.recipe.la.data

    def _sources(self) -> list[tuple[str, str, DataSource]]:
        """The phase, language and source of each data set."""
        sources = [("la", self.language, self.recipe.la.data)]
        if self.recipe.vocabulary.strategy != "keep":
            sources.insert(0, ("vocabulary", self.language, self._vocabulary_source()))
        return sources + [
            ("se", part.language, part.source) for part in encoding_sources(self.recipe.se, self.language)
        ]


if __name__ == "__main__":
    run_command(main)
