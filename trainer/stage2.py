"""Stage 2: train alignment adapters that align language modules to the pivot.

accelerate launch trainer/stage2.py [--recipe RECIPE.yaml] [--languages deu,kaz] [...]
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import PreTrainedTokenizerFast, set_seed

from adapters_hub import BaseEncoder, LanguageModule
from adapters_hub.encoder import Composition, SentenceHead, module_tokenizer
from adapters_hub.format import AlignmentManifest, LanguageModuleManifest
from adapters_hub.hub import fetch_manifest
from adapters_hub.modules import AlignmentAdapter, BottleneckConfig, Bottlenecks, save_alignment_adapter
from trainer.data.rules import read_rules
from trainer.objectives.frozen_vectors import frozen_language, modular_copy
from trainer.objectives.part_sources import alignment_sources, mixed_languages, source_facts
from trainer.objectives.parts import Reading, load_part
from trainer.objectives.sentence_training import SentenceTraining
from trainer.objectives.teachers import identity
from trainer.runs.console import run_command
from trainer.runs.identity import describe, describe_data, finished
from trainer.runs.modules import language_module
from trainer.runs.parsing import parse_recipe
from trainer.runs.program import Run, make_all
from trainer.runs.records import base_reference, run_record
from trainer.runs.workspace import PhaseFolder
from trainer.settings import Recipe, SettingsError, fill
from trainer.training.arguments import training_arguments
from trainer.training.dropout import set_dropout
from trainer.training.embedding_trainer import SentenceModel
from trainer.vocabulary import has_base_embeddings, rewriting

logger = logging.getLogger(__name__)


def main() -> None:
    """Train the alignment adapters of a recipe, one after the other."""
    recipe = parse_recipe("stage2.py", "Stage 2: train alignment adapters to the pivot.")
    languages = [language for language in recipe.language_list if language != recipe.pivot]
    if not languages:
        raise SettingsError(
            f"no language to align: add another one to --languages, which names only the pivot {recipe.pivot!r}"
        )
    pairs = [(language, objective) for language in languages for objective in recipe.cla.objectives]
    make_all(recipe, (Stage2(recipe, *pair) for pair in pairs))


class Stage2(Run):
    """CLA (cross-lingual alignment) of one language with one objective.

    Args:
        recipe: all settings.
        language: ISO 639-3.
        objective: one of `trainer.objectives.ALIGNMENT`.
    """

    def __init__(self, recipe: Recipe, language: str, objective: str) -> None:
        super().__init__(recipe, Path(recipe.output_dir) / f"{language}-{recipe.pivot}-{objective}")
        self.language = language
        self.objective = objective
        self.sources = alignment_sources(recipe.cla, objective, language)
        self.data = source_facts(self.sources, "cla", recipe.pivot)

    def identify(self) -> dict[str, Any]:
        """Everything that the weights of an alignment adapter depend on."""
        recipe, language = self.recipe, self.language
        values = describe(recipe.cla, recipe, language)
        for name in ("objectives", "mixed"):
            values.pop(name)
        for name, uses in (("paraphrase", "paraphrase"), ("parallel", "parallel or graded")):
            if not any(part.kind in uses.split() for part in self.sources):
                values.pop(name)
        relatives = [part for part in self.sources if part.language != language]
        values["related_data"] = {
            part.language: describe_data(part.source, recipe, part.language) for part in relatives
        }
        mixed = mixed_languages(self.sources, recipe.pivot)
        values["mixed"] = {code: describe(recipe.cla.mixed, recipe, code) for code in mixed}
        values["teacher"] = [identity(source, recipe.hub) for source in recipe.cla.teachers(recipe.pivot)]
        if recipe.cla.start:
            start = fill(recipe.cla.start, language, recipe.pivot)
            values["start_adapter"] = fetch_manifest(start, recipe.hub)[0].fingerprint
        fingerprints = {
            f"{side}_module": LanguageModuleManifest.read(language_module(recipe, code).folder).fingerprint
            for side, code in (("pivot", recipe.pivot), ("target", language))
        }
        return {
            "objective": self.objective,
            "pivot": recipe.pivot,
            "seed": recipe.seed,
            **fingerprints,
            "cla": values,
        }

    def recorded(self) -> dict[str, Any] | None:
        """The settings that the finished adapter was made with; see `Run.recorded`."""
        return finished(self.target, AlignmentManifest, self.recipe.overwrite)

    def train(self, base: BaseEncoder) -> bool:
        """Train and write the adapter."""
        pivot, module = (
            dataclasses.replace(LanguageModule.load(folder), address=address)
            for folder, address in (language_module(self.recipe, code) for code in (self.recipe.pivot, self.language))
        )
        for loaded in (pivot, module):
            loaded.check_base(base)
        logger.info("%s: alignment to %s (%s)", self.language, self.recipe.pivot, self.objective)
        set_seed(self.recipe.seed)
        folder = self.workspace.phase("cla", self.settings)
        bottlenecks, facts = self._alignment(folder, base, module, pivot)
        if self.workspace.writes:
            manifest = self._manifest(base, module, pivot, facts)
            save_alignment_adapter(self.target, manifest, bottlenecks, replace=True)
            logger.info("%s: alignment adapter written to %s", self.language, self.target)
        PartialState().wait_for_everyone()
        self.workspace.remove(self.target)
        return True

    def _alignment(
        self, folder: PhaseFolder, untouched: BaseEncoder, module: LanguageModule, pivot: LanguageModule
    ) -> tuple[Bottlenecks, dict[str, Any]]:
        """Train a bottleneck parallel to every block of the target's encoder; the pivot's vectors are frozen."""
        settings, recipe = self.recipe.cla, self.recipe
        base = untouched.copy()
        tokenizer = self._compose(base, module)
        length = min(settings.max_length, base.max_positions)
        reading = Reading(
            tokenizer,
            module.manifest.prompt,
            length,
            settings.eval_share,
            recipe.pivot,
            frozen=recipe.pivot,
            seed=recipe.seed,
        )
        parts = [load_part(source, reading) for source in self.sources]
        arguments = training_arguments("cla", settings.training, folder.checkpoints, recipe.seed, folder.writes)
        training = SentenceTraining(parts, arguments, recipe, frozen=recipe.pivot)
        pivots = modular_copy(untouched)
        pivots.add_module(pivot)
        frozen = frozen_language(pivots, recipe.pivot, length)
        targets = training.look_up(untouched, frozen, settings.teachers(recipe.pivot), length)

        bottlenecks = self._bottlenecks(base)
        bottlenecks.attach(base.backbone, base.architecture)
        set_dropout(base.backbone, settings.dropout)
        head = SentenceHead.of(base, tokenizer, module.manifest)
        model = SentenceModel(base.backbone, head, extra=bottlenecks)
        facts = training.run(model, int(tokenizer.pad_token_id), settings, targets, folder.logs)
        bottlenecks.scale(settings.strength)  # interpolate untrained and trained: Wortsman et al. 2022, WiSE-FT
        return bottlenecks.cpu().requires_grad_(False).eval(), facts

    def _bottlenecks(self, base: BaseEncoder) -> Bottlenecks:
        """New bottlenecks, or a copy of those in the alignment adapter `cla.start`.

        Raises:
            SettingsError: the bottlenecks of `cla.start` have another size.
        """
        settings = self.recipe.cla
        config = BottleneckConfig(
            hidden_size=base.width,
            num_layers=len(base.backbone.get_submodule(base.architecture.blocks)),  # type: ignore[arg-type]
            reduction_factor=settings.reduction_factor,
            non_linearity=settings.non_linearity,
            scaling=settings.adapter_scaling,
        )
        bottlenecks = Bottlenecks(config)
        if settings.start:
            source = fill(settings.start, self.language, self.recipe.pivot)
            with PartialState().main_process_first():
                other = AlignmentAdapter.load(source, hub=self.recipe.hub).bottlenecks
            if other.config != config:
                raise SettingsError(
                    f"cla.start: the bottlenecks of {source} are {other.config}, those of the recipe {config}"
                )
            bottlenecks.load_state_dict(other.state_dict())
        return bottlenecks

    def _compose(self, base: BaseEncoder, module: LanguageModule) -> PreTrainedTokenizerFast:
        """Compose the module on a copy of the base, and return the tokenizer for all text.

        With `cla.related` this is the base's tokenizer, because a module lacks tokens of the related languages.

        Raises:
            SettingsError: `cla.related` is set, but the module's token embeddings are not the base's.
        """
        recipe = self.recipe
        if not recipe.cla.related_list:
            Composition(base).activate(module)
            return module_tokenizer(base, module)
        if not has_base_embeddings(module.manifest):
            raise SettingsError(
                "cla.related needs modules with the base's own embeddings: vocabulary.strategy trim or keep, and no la "
                f"that trains embeddings; the module of {self.language} has embeddings of its own"
            )
        Composition(base).activate(dataclasses.replace(module, tokenizer=None, embeddings=None))
        rules = read_rules(recipe.vocabulary.rewrite, self.language, recipe.pivot)
        return rewriting(base.tokenizers.of(self.language), rules, [base.prompt, *base.prompts.values()])

    def _manifest(
        self, base: BaseEncoder, module: LanguageModule, pivot: LanguageModule, facts: dict[str, Any]
    ) -> AlignmentManifest:
        return AlignmentManifest(
            language=self.language,
            base=base_reference(base),
            pivot=self.recipe.pivot,
            objective=self.objective,
            pivot_fingerprint=pivot.manifest.fingerprint,
            target_fingerprint=module.manifest.fingerprint,
            pivot_module=pivot.address or "",
            target_module=module.address or "",
            license=self.recipe.license,
            training=run_record(self.settings, {"cla": facts}, self.data),
        )


if __name__ == "__main__":
    run_command(main)
