"""Stage 1: a language module out of text and paraphrases of one language.

accelerate launch trainer/stage1.py [--recipe RECIPE.yaml] [--languages deu,kaz] [...]
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from peft import inject_adapter_in_model
from peft.functional import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast, set_seed

from adapters_hub import BaseEncoder, LanguageModule, load_base
from adapters_hub.base import for_language
from adapters_hub.encoder import Composition, SentenceHead, module_tokenizer, prompt_length
from adapters_hub.format import ADAPTERS, EMBEDDINGS_FILE, TOKENIZER_FILES, LanguageModuleManifest
from adapters_hub.hub import fetch_manifest
from adapters_hub.modules import LoRA, halved, save_language_module, write_lora, write_vocabulary
from trainer.data.batches import Rows, tokenize
from trainer.data.corpora import load_text
from trainer.data.facts import data_facts
from trainer.data.files import as_recorded
from trainer.objectives import ObjectiveCollator, ObjectiveTrainer
from trainer.objectives.part_sources import encoding_sources
from trainer.objectives.parts import Reading, frozen_texts, load_part, row_counts
from trainer.objectives.teachers import Teachers, identity
from trainer.runs.console import run_command
from trainer.runs.parsing import parse_recipe
from trainer.runs.publishing import publish, refuse_unpublished
from trainer.runs.records import base_reference, hardware, versions
from trainer.runs.workspace import (
    PhaseFolder,
    Workspace,
    check_same_settings,
    describe,
    describe_data,
    finished,
    write_facts,
)
from trainer.settings import PHASES, LoRASettings, Recipe, SettingsError, fill
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
from trainer.training.low_rank import copy_lora, lora_config
from trainer.training.masking import MaskingCollator, pack
from trainer.training.steps import numbers_used, rows_in_order, split
from trainer.vocabulary import build_vocabulary, has_base_embeddings, read_rules, rewriting

logger = logging.getLogger(__name__)

_BIAS_FILE = "output_bias.safetensors"


def main() -> None:
    """Train the language modules of a recipe, one after the other."""
    recipe = parse_recipe("stage1.py", "Stage 1: train language modules.")
    base: BaseEncoder | None = None
    failures = []
    for language in recipe.language_list:
        target = Path(recipe.output_dir) / language
        if _is_finished(recipe, language, target):
            Workspace(recipe.output_dir, language).remove(target)  # left behind if a run was killed at its very end
            logger.info("%s is finished: skipped", target)
            failures.append(publish(recipe, target))
            continue
        if base is None:
            logger.info("loading the base encoder %s", recipe.base)
            with PartialState().main_process_first():
                base = load_base(recipe.base, revision=recipe.revision, prompt=recipe.prompt, pooling=recipe.pooling)
        if Stage1(recipe, language, base).run(target):
            failures.append(publish(recipe, target))
    refuse_unpublished(failures)


def _is_finished(recipe: Recipe, language: str, target: Path) -> bool:
    recorded = finished(target, LanguageModuleManifest, recipe.overwrite)
    if recorded is None:
        return False
    check_same_settings(target, recorded, settings_of(recipe, language))
    return True


def settings_of(recipe: Recipe, language: str) -> dict[str, Any]:
    """Everything that the weights of a language module depend on."""
    sections = {phase: getattr(recipe, phase) for phase in recipe.phases_of(language)}
    values: dict[str, Any] = {name: describe(section, recipe, language) for name, section in sections.items()}
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


class Stage1:
    """The phases of one language.

    Args:
        recipe: all settings.
        language: ISO 639-3.
        base: the base encoder; it is copied, never changed.
    """

    def __init__(self, recipe: Recipe, language: str, base: BaseEncoder) -> None:
        self.recipe = recipe
        self.language = language
        self.base = base
        self.settings = settings_of(recipe, language)
        self.rules = read_rules(recipe.vocabulary.rewrite, language, recipe.pivot)
        self.workspace = Workspace(recipe.output_dir, language)
        self.phases = recipe.phases_of(language)
        self.data = self._data_facts()
        self.parts: dict[str, Path] = {}
        """Where the parts of the module lie: `vocabulary` or `tokenizer`, `language_adapter`, `sentence_adapter`."""
        self.facts: dict[str, Any] = {}

    def run(self, target: Path) -> bool:
        """Run the phases that are not done yet, and assemble the module at `target`; False if it stopped before.

        Raises:
            DataError: data was replaced since its hash was taken, or does not fit.
        """
        with as_recorded(self.settings):
            return self._run(target)

    def _run(self, target: Path) -> bool:
        if "la" in self.phases:
            check_can_mask(self.base)
        if self.recipe.start_from:
            self._take_over(self.recipe.start_from)
        if "vocabulary" in self.phases:
            self.facts["vocabulary"] = {"strategy": self.recipe.vocabulary.strategy}
        if "se" in self.phases and self.recipe.se.related_list and not has_base_embeddings(self._manifest()):
            raise SettingsError(
                "se.related needs the base's own embeddings: set vocabulary.strategy to trim or keep, and leave la out "
                "of the phases or set la.train_embeddings to false; --start_from takes a module made like that"
            )
        steps = {"vocabulary": self._vocabulary, "la": self._language_adaptation, "se": self._sentence_encoding}
        chain: dict[str, Any] = {key: value for key, value in self.settings.items() if key not in PHASES}
        for phase in self.phases:
            chain[phase] = self.settings[phase]
            folder = self.workspace.phase(phase, chain)
            if not folder.is_finished():
                logger.info("%s: %s", self.language, phase)
                set_seed(self.recipe.seed)
                steps[phase](folder)
            self._collect(phase, folder)
            if phase == self.recipe.stop_after:
                logger.info("%s: stopped after %s; the same command without --stop_after goes on", self.language, phase)
                return False
        self._assemble(target)
        return True

    def _take_over(self, source: str) -> None:
        """Parts of another module of this language, for the phases that are left out."""
        with PartialState().main_process_first():
            module = LanguageModule.load(source, hub=self.recipe.hub)
        module.check_base(self.base)
        if module.language != self.language:
            raise SettingsError(f"{source} is a module of {module.language!r}, not of {self.language!r}")
        provides = {"vocabulary": "vocabulary", "tokenizer": "vocabulary"}
        provides |= {"language_adapter": "la", "sentence_adapter": "se"}
        self.parts = {
            part: module.folder / part if part in ADAPTERS else module.folder
            for part, phase in provides.items()
            if part in module.manifest.components and phase not in self.phases
        }
        self.facts = {"start_from": {"path": module.address or source, "fingerprint": module.manifest.fingerprint}}
        if "vocabulary" not in self.phases:
            self.facts["vocabulary"] = module.manifest.vocabulary
            self.facts["start_from"]["base_embeddings"] = has_base_embeddings(module.manifest)

    def _collect(self, phase: str, folder: PhaseFolder) -> None:
        self.facts[phase] = folder.facts()
        for part in ADAPTERS:
            if (folder.result / part).is_dir():
                self.parts[part] = folder.result / part
        if (folder.result / EMBEDDINGS_FILE).is_file():
            self.parts["vocabulary"] = folder.result
        elif (folder.result / TOKENIZER_FILES[0]).is_file():
            self.parts["tokenizer"] = folder.result

    def _vocabulary(self, folder: PhaseFolder) -> None:
        settings = self.recipe.vocabulary
        source = settings.data if settings.data.path else self.recipe.la.data

        def write(result: Path) -> None:
            data = None if settings.strategy == "keep" else load_text(source, self.language, self.recipe.pivot)
            vocabulary = build_vocabulary(
                self.base,
                settings,
                self.language,
                data,
                pretrained_output_bias(self.base),
                self.recipe.seed,
                prompts=[self.base.prompt],
                rules=self.rules,
            )
            tokenizer = for_language(vocabulary.tokenizer, self.language)
            trains = "la" in self.phases and self.recipe.la.train_embeddings
            if settings.strategy != "keep" or trains:
                # Half precision already here: training starts from, and ends with, what a module holds.
                write_vocabulary(result, tokenizer, halved({"weight": vocabulary.embeddings})["weight"])
            elif self.rules:
                write_vocabulary(result, tokenizer, None)
            if vocabulary.output_bias is not None:
                save_file({"bias": vocabulary.output_bias.contiguous()}, result / _BIAS_FILE)
            write_facts(result, vocabulary.facts)

        folder.finish(write)

    def _language_adaptation(self, folder: PhaseFolder) -> None:
        settings, recipe = self.recipe.la, self.recipe
        base, tokenizer = self._composed(trains_embeddings=settings.train_embeddings)
        with PartialState().main_process_first():
            text = load_text(settings.data, self.language, recipe.pivot)
            length = min(settings.max_length, base.max_positions)
            what = f"{self.language} text"
            if settings.packing:
                encoded = pack(text, tokenizer, base.prompt, length, what)
            else:
                encoded = tokenize(text, ["text"], tokenizer, base.prompt, length, what)
        train, evaluation = split(encoded, settings.eval_share)
        arguments = training_arguments("la", settings.training, folder.checkpoints, recipe.seed, folder.writes)
        rows, order = rows_in_order([train], arguments, recipe.seed)

        write_adapter = self._inject(base, f"lang_{self.language}", settings.lora, ADAPTERS[0])
        base.token_embeddings.weight.requires_grad_(settings.train_embeddings)
        head = mlm_head(base, base.token_embeddings.num_embeddings, self._output_bias())
        trainer = LanguageAdaptationTrainer(
            MaskedLanguageModel(base.backbone, base.token_embeddings, head),
            arguments,
            rows,
            order,
            MaskingCollator(
                tokenizer,
                settings.mask_probability,
                recipe.seed,
                settings.tokens_per_pass,
                prompt_length(tokenizer, base.prompt),
            ),
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
        settings, recipe = self.recipe.se, self.recipe
        base, tokenizer = self._composed(whole_vocabulary=bool(settings.related_list))
        arguments = training_arguments("se", settings.training, folder.checkpoints, recipe.seed, folder.writes)
        length = min(settings.max_length, base.max_positions)
        reading = Reading(
            tokenizer, base.prompt, length, settings.eval_share, recipe.pivot, frozen=recipe.pivot, seed=recipe.seed
        )
        parts = [load_part(source, reading) for source in encoding_sources(settings, self.language)]
        shares = [part.source.share for part in parts]
        rows, order = rows_in_order([part.train for part in parts], arguments, recipe.seed, shares)
        teachers = None
        if any(part.kind == "relational" for part in parts):
            teachers = Teachers(settings.teachers(recipe.pivot), self.base, recipe.pivot, length, recipe.hub)
            seen = teachers.of(frozen_texts(parts, recipe.pivot, numbers_used(order, arguments)))

        set_dropout(base.backbone, settings.dropout)  # before the LoRA, which has its own
        write_adapter = self._inject(base, f"sent_{self.language}", settings.lora, ADAPTERS[1])
        trainer = ObjectiveTrainer(
            SentenceModel(base.backbone, SentenceHead.of(base, tokenizer)),
            arguments,
            rows,
            order,
            ObjectiveCollator(
                [part.kind for part in parts],
                [part.languages for part in parts],
                int(tokenizer.pad_token_id),
                recipe.seed,
                recipe.pivot,
                settings.tokens_per_pass,
            ),
            eval_rows=Rows(parts[0].evaluation) if parts[0].evaluation else None,
            kinds=[part.kind for part in parts],
            teachers=seen if teachers else None,
            scale=settings.scale,
            gradient_cache=settings.gradient_cache,
        )
        facts = trainer.run(folder.logs) | {"rows": row_counts(parts)}
        if teachers:
            facts["teachers"] = teachers.facts

        def write(result: Path) -> None:
            write_adapter(result / ADAPTERS[1])
            write_facts(result, facts)

        folder.finish(write)

    def _composed(
        self, whole_vocabulary: bool = False, trains_embeddings: bool = False
    ) -> tuple[BaseEncoder, PreTrainedTokenizerFast]:
        """A copy of the base, set to the parts that are there so far, and the tokenizer that goes with it.

        Args:
            whole_vocabulary: keep the base's tokens, of which the module's are a part, for text of other languages.
            trains_embeddings: the base's own embeddings, too, are a copy in float32, not those that lie on disk.
        """
        base = self.base.copy()
        partial = self._partial_module()
        if trains_embeddings and partial.embeddings is None:
            own = base.token_embeddings.weight.detach().to(torch.float32, copy=True)
            partial = dataclasses.replace(partial, embeddings=own)
        if whole_vocabulary:
            partial = dataclasses.replace(partial, tokenizer=None, embeddings=None)
        Composition(base).activate(partial)
        if whole_vocabulary:
            return base, rewriting(base.tokenizers.of(self.language), self.rules)
        return base, module_tokenizer(base, partial)

    def _inject(self, base: BaseEncoder, name: str, settings: LoRASettings, part: str) -> Callable[[Path], None]:
        """Put a new LoRA on the base, the only thing that is trainable then; returns what writes it to a folder."""
        config = lora_config(base, settings.rank, settings.alpha, settings.dropout)
        inject_adapter_in_model(config, base.backbone, adapter_name=name)
        if settings.start:
            source = fill(settings.start, self.language, self.recipe.pivot)
            with PartialState().main_process_first():
                other = LanguageModule.load(source, hub=self.recipe.hub)
            other.check_base(self.base)
            if part not in other.loras:
                raise SettingsError(f"{source} has no {part} to start from")
            copy_lora(other.loras[part], base.backbone, name, config)

        def write(folder: Path) -> None:
            state = get_peft_model_state_dict(base.backbone, adapter_name=name, save_embedding_layers=False)
            write_lora(folder, config, state)

        return write

    def _partial_module(self) -> LanguageModule:
        """The parts that are there so far, as a module that a composition can be set to."""
        tokenizer, embeddings = None, None
        if vocabulary := self.parts.get("vocabulary", self.parts.get("tokenizer")):
            tokenizer = PreTrainedTokenizerFast.from_pretrained(vocabulary)
        if "vocabulary" in self.parts:
            embeddings = load_file(self.parts["vocabulary"] / EMBEDDINGS_FILE)["weight"]
        loras = {name: LoRA.read(self.parts[name]) for name in ADAPTERS if name in self.parts}
        return LanguageModule(self._manifest(), tokenizer, embeddings, loras, self.workspace.folder)

    def _output_bias(self) -> torch.Tensor | None:
        path = self.workspace.folder / "vocabulary" / "result" / _BIAS_FILE
        if path.is_file():
            return load_file(path)["bias"]
        return None if "vocabulary" in self.parts else pretrained_output_bias(self.base)

    def _manifest(self) -> LanguageModuleManifest:
        return LanguageModuleManifest(
            language=self.language,
            base=base_reference(self.base, self.parts),
            pooling=self.base.pooling,
            prompt=self.base.prompt,
            max_length=min(self.recipe.max_length, self.base.max_positions),
            dimension=self.base.dimension,
            vocabulary=self.facts.get("vocabulary", {}),
            license=self.recipe.license,
            training={
                "settings": self.settings,
                "phases": self.facts,
                "data": self.data,
                "hardware": hardware(),
                "versions": versions(),
            },
        )

    def _data_facts(self) -> list[dict[str, Any]]:
        recipe = self.recipe
        sources = [("la", self.language, recipe.la.data)]
        if recipe.vocabulary.strategy != "keep":
            vocabulary = recipe.vocabulary.data if recipe.vocabulary.data.path else recipe.la.data
            sources.insert(0, ("vocabulary", self.language, vocabulary))
        sources += [("se", part.language, part.source) for part in encoding_sources(recipe.se, self.language)]
        return [
            data_facts(source, phase, code, recipe.pivot) for phase, code, source in sources if phase in self.phases
        ]

    def _assemble(self, target: Path) -> None:
        if self.workspace.writes:
            module = save_language_module(target, self._manifest(), self.parts, replace=True)
            size = sum(file.size for file in module.manifest.files.values())
            logger.info("%s: module written to %s (%.1f MB)", self.language, target, size / 1e6)
        PartialState().wait_for_everyone()
        self.workspace.remove(target)


if __name__ == "__main__":
    run_command(main)
