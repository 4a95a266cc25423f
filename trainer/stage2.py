"""Stage 2: alignment adapters that bring language modules to the pivot.

accelerate launch trainer/stage2.py [--recipe RECIPE.yaml] [--languages deu,kaz] [...]
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import PreTrainedTokenizerFast, set_seed

from adapters_hub import BaseEncoder, LanguageModule, load_base
from adapters_hub.encoder import Composition, SentenceHead, module_tokenizer
from adapters_hub.format import AlignmentManifest, LanguageModuleManifest
from adapters_hub.hub import fetch_manifest
from adapters_hub.modules import AlignmentAdapter, BottleneckConfig, Bottlenecks, save_alignment_adapter
from trainer.data.batches import Rows
from trainer.data.files import as_recorded
from trainer.objectives import FrozenVectors, ObjectiveCollator, ObjectiveTrainer
from trainer.objectives.frozen_vectors import KeptVectors, frozen_language, modular_copy
from trainer.objectives.part_sources import alignment_sources, mixed_languages, source_facts
from trainer.objectives.parts import Part, Reading, frozen_texts, load_part, row_counts
from trainer.objectives.teachers import Teachers, identity
from trainer.runs.console import run_command
from trainer.runs.modules import language_module
from trainer.runs.parsing import parse_recipe
from trainer.runs.publishing import publish, refuse_unpublished
from trainer.runs.records import base_reference, hardware, versions
from trainer.runs.workspace import PhaseFolder, Workspace, check_same_settings, describe, describe_data, finished
from trainer.settings import Recipe, SettingsError, fill
from trainer.training.arguments import training_arguments
from trainer.training.dropout import set_dropout
from trainer.training.embedding_trainer import SentenceModel
from trainer.training.steps import numbers_used, rows_in_order
from trainer.vocabulary import has_base_embeddings, read_rules, rewriting

logger = logging.getLogger(__name__)


def main() -> None:
    """Train the alignment adapters of a recipe, one after the other."""
    recipe = parse_recipe("stage2.py", "Stage 2: train alignment adapters to the pivot.")
    base: BaseEncoder | None = None
    failures = []
    targets = [language for language in recipe.language_list if language != recipe.pivot]
    if not targets:
        raise SettingsError(f"no language to align: the only one given is the pivot {recipe.pivot!r}")
    for language in targets:
        for objective in recipe.cla.objectives:
            target = Path(recipe.output_dir) / f"{language}-{recipe.pivot}-{objective}"
            if _is_finished(recipe, language, objective, target):
                Workspace(recipe.output_dir, target.name).remove(
                    target
                )  # left behind if a run was killed at its very end
                logger.info("%s is finished: skipped", target)
                failures.append(publish(recipe, target))
                continue
            if base is None:
                logger.info("loading the base encoder %s", recipe.base)
                with PartialState().main_process_first():
                    base = load_base(
                        recipe.base, revision=recipe.revision, prompt=recipe.prompt, pooling=recipe.pooling
                    )
            Stage2(recipe, language, objective, base).run(target)
            failures.append(publish(recipe, target))
    refuse_unpublished(failures)


def settings_of(recipe: Recipe, language: str, objective: str) -> dict[str, Any]:
    """Everything that the weights of an alignment adapter depend on."""
    values = describe(recipe.cla, recipe, language)
    parts = alignment_sources(recipe.cla, objective, language)
    for name in ("objectives", "mixed"):
        values.pop(name)
    for name, uses in (("paraphrase", "paraphrase"), ("parallel", "parallel or graded")):
        if not any(part.kind in uses.split() for part in parts):
            values.pop(name)
    relatives = [part for part in parts if part.language != language]
    values["related_data"] = {part.language: describe_data(part.source, recipe, part.language) for part in relatives}
    values["mixed"] = {code: describe(recipe.cla.mixed, recipe, code) for code in mixed_languages(parts, recipe.pivot)}
    values["teacher"] = [identity(source, recipe.hub) for source in recipe.cla.teachers(recipe.pivot)]
    if recipe.cla.start:
        values["start_adapter"] = fetch_manifest(fill(recipe.cla.start, language, recipe.pivot), recipe.hub)[
            0
        ].fingerprint
    return {
        "objective": objective,
        "pivot": recipe.pivot,
        "seed": recipe.seed,
        "pivot_module": LanguageModuleManifest.read(language_module(recipe, recipe.pivot).folder).fingerprint,
        "target_module": LanguageModuleManifest.read(language_module(recipe, language).folder).fingerprint,
        "cla": values,
    }


def _is_finished(recipe: Recipe, language: str, objective: str, target: Path) -> bool:
    recorded = finished(target, AlignmentManifest, recipe.overwrite)
    if recorded is None:
        return False
    check_same_settings(target, recorded, settings_of(recipe, language, objective))
    return True


def start_from(bottlenecks: Bottlenecks, source: str, hub: str | None) -> None:
    """Begin with the weights of another alignment adapter, for example of a related language.

    Raises:
        SettingsError: it is of another size.
    """
    with PartialState().main_process_first():
        other = AlignmentAdapter.load(source, hub=hub).bottlenecks
    if other.config != bottlenecks.config:
        raise SettingsError(f"cla.start: {source} has {other.config}, the recipe {bottlenecks.config}")
    bottlenecks.load_state_dict(other.state_dict())


class Stage2:
    """The alignment of one language by one objective.

    Args:
        recipe: all settings.
        language: ISO 639-3.
        objective: one of `trainer.objectives.ALIGNMENT`.
        base: the base encoder; it is copied, never changed.
    """

    def __init__(self, recipe: Recipe, language: str, objective: str, base: BaseEncoder) -> None:
        self.recipe = recipe
        self.language = language
        self.objective = objective
        self.base = base
        self.settings = settings_of(recipe, language, objective)
        self.sources = alignment_sources(recipe.cla, objective, language)
        self.data = source_facts(self.sources, "cla", recipe.pivot)
        self.workspace = Workspace(recipe.output_dir, f"{language}-{recipe.pivot}-{objective}")

    def run(self, target: Path) -> None:
        """Train and write the adapter to `target`.

        Raises:
            DataError: data was replaced since its hash was taken, or does not fit.
        """
        pivot, module = (
            dataclasses.replace(LanguageModule.load(folder), address=address)
            for folder, address in (language_module(self.recipe, code) for code in (self.recipe.pivot, self.language))
        )
        for loaded in (pivot, module):
            loaded.check_base(self.base)
        logger.info("%s: alignment to %s (%s)", self.language, self.recipe.pivot, self.objective)
        set_seed(self.recipe.seed)
        folder = self.workspace.phase("cla", self.settings)
        with as_recorded(self.settings):
            bottlenecks, facts = self._train(folder, module, pivot)
        if self.workspace.writes:
            save_alignment_adapter(target, self._manifest(module, pivot, facts), bottlenecks, replace=True)
            logger.info("%s: alignment adapter written to %s", self.language, target)
        PartialState().wait_for_everyone()
        self.workspace.remove(target)

    def _train(
        self, folder: PhaseFolder, module: LanguageModule, pivot: LanguageModule
    ) -> tuple[Bottlenecks, dict[str, Any]]:
        settings, recipe = self.recipe.cla, self.recipe
        base = self.base.copy()
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
        shares = [part.source.share for part in parts]
        rows, order = rows_in_order([part.train for part in parts], arguments, recipe.seed, shares)
        used = numbers_used(order, arguments)
        pivots = self._pivots(pivot, length)
        pivots.add(frozen_texts(parts, recipe.pivot, used))
        teachers, facts = self._teachers(parts, used, length)

        bottlenecks = Bottlenecks(
            BottleneckConfig(
                hidden_size=base.width,
                num_layers=len(base.backbone.get_submodule(base.architecture.blocks)),  # type: ignore[arg-type]
                reduction_factor=settings.reduction_factor,
                non_linearity=settings.non_linearity,
                scaling=settings.adapter_scaling,
            )
        )
        if settings.start:
            start_from(bottlenecks, fill(settings.start, self.language, recipe.pivot), recipe.hub)
        bottlenecks.attach(base.backbone, base.architecture)
        set_dropout(base.backbone, settings.dropout)
        trainer = ObjectiveTrainer(
            SentenceModel(base.backbone, SentenceHead.of(base, tokenizer, module.manifest), extra=bottlenecks),
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
            pivots=pivots.read(),
            teachers=teachers,
            scale=settings.scale,
            gradient_cache=settings.gradient_cache,
        )
        facts = trainer.run(folder.logs) | {"rows": row_counts(parts)} | facts
        bottlenecks.scale(settings.strength)  # between untrained and trained: Wortsman et al. 2022, WiSE-FT
        return bottlenecks.cpu().requires_grad_(False).eval(), facts

    def _compose(self, base: BaseEncoder, module: LanguageModule) -> PreTrainedTokenizerFast:
        """Set a copy of the base to the module; the tokenizer for all text, which with relatives is the base's.

        Raises:
            SettingsError: there are relatives, whose tokens the module has not.
        """
        recipe = self.recipe
        if not recipe.cla.related_list:
            Composition(base).activate(module)
            return module_tokenizer(base, module)
        if not has_base_embeddings(module.manifest):
            raise SettingsError(
                "cla.related needs modules with the base's own embeddings: vocabulary.strategy trim or keep, and no la "
                f"that trains embeddings; {self.language}'s has others"
            )
        Composition(base).activate(dataclasses.replace(module, tokenizer=None, embeddings=None))
        return rewriting(
            base.tokenizers.of(self.language), read_rules(recipe.vocabulary.rewrite, self.language, recipe.pivot)
        )

    def _pivots(self, pivot: LanguageModule, max_length: int) -> KeptVectors:
        """The pivot's vectors, of sentences cut where the language's are."""
        encoder = modular_copy(self.base)
        encoder.add_module(pivot)
        return KeptVectors(frozen_language(encoder, self.recipe.pivot, max_length))

    def _teachers(
        self, parts: Sequence[Part], used: Collection[int], max_length: int
    ) -> tuple[FrozenVectors | None, dict[str, Any]]:
        """What the teachers see, if the recipe names any, and what they are."""
        recipe = self.recipe
        sources = recipe.cla.teachers(recipe.pivot)
        if not sources or not any(part.kind == "graded" for part in parts):
            return None, {}
        teachers = Teachers(sources, self.base, recipe.pivot, max_length, recipe.hub)
        texts = frozen_texts(parts, recipe.pivot, used, kinds=("graded",))
        return teachers.of(texts), {"teachers": teachers.facts}

    def _manifest(self, module: LanguageModule, pivot: LanguageModule, facts: dict[str, Any]) -> AlignmentManifest:
        return AlignmentManifest(
            language=self.language,
            base=base_reference(self.base),
            pivot=self.recipe.pivot,
            objective=self.objective,
            pivot_fingerprint=pivot.manifest.fingerprint,
            target_fingerprint=module.manifest.fingerprint,
            pivot_module=pivot.address or "",
            target_module=module.address or "",
            license=self.recipe.license,
            training={
                "settings": self.settings,
                "phases": {"cla": facts},
                "data": self.data,
                "hardware": hardware(),
                "versions": versions(),
            },
        )


if __name__ == "__main__":
    run_command(main)
