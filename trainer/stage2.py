"""Stage 2: train alignment adapters that align language modules to the pivot.

accelerate launch trainer/stage2.py [--recipe RECIPE.yaml] [--languages deu,kaz] [...]
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import set_seed

from adapters_hub import BaseEncoder
from adapters_hub.encoder import SentenceHead
from adapters_hub.format import AlignmentManifest
from adapters_hub.modules import save_alignment_adapter
from trainer.objectives.frozen_vectors import frozen_language, modular_copy
from trainer.objectives.part_sources import alignment_sources, source_facts
from trainer.objectives.parts import Reading, load_part
from trainer.objectives.sentence_training import SentenceTraining
from trainer.runs.console import run_command
from trainer.runs.identity import alignment_settings
from trainer.runs.modules import compose, load_module, module_source, new_bottlenecks, whole_tokenizer
from trainer.runs.parsing import parse_recipe
from trainer.runs.program import Run, make_all
from trainer.runs.records import alignment_manifest, run_record
from trainer.settings import Recipe, SettingsError
from trainer.training.arguments import training_arguments
from trainer.training.dropout import set_dropout
from trainer.training.embedding_trainer import SentenceModel

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

    what = "alignment adapter"
    manifest = AlignmentManifest

    def __init__(self, recipe: Recipe, language: str, objective: str) -> None:
        self.language = language
        self.objective = objective
        self.sources = alignment_sources(recipe.cla, objective, language)
        target = Path(recipe.output_dir) / f"{language}-{recipe.pivot}-{objective}"
        super().__init__(recipe, target, source_facts(self.sources, "cla", recipe.pivot))

    def identify(self) -> dict[str, Any]:
        """Everything that the weights of an alignment adapter depend on."""
        return alignment_settings(self.recipe, self.language, self.objective, self.sources)

    def train(self, base: BaseEncoder) -> Callable[[Path], object]:
        """Train a bottleneck parallel to every block of the target's encoder; the pivot's vectors are frozen."""
        recipe, settings = self.recipe, self.recipe.cla
        pivot, target = (
            load_module(module_source(recipe, language), recipe.hub, base) for language in (recipe.pivot, self.language)
        )
        logger.info("%s: alignment to %s (%s)", self.language, recipe.pivot, self.objective)
        set_seed(recipe.seed)
        folder = self.workspace.phase("cla", self.settings)

        encoder, tokenizer = compose(base, target, recipe, whole_vocabulary=bool(settings.related_list))
        length, prompt = min(settings.max_length, base.max_positions), target.manifest.prompt
        related = {code: whole_tokenizer(encoder, code, recipe) for code in settings.related_list}
        share, code = settings.eval_share, recipe.pivot
        reading = Reading(tokenizer, prompt, length, share, code, code, recipe.seed, related)
        parts = [load_part(source, reading) for source in self.sources]
        arguments = training_arguments("cla", settings.training, folder.checkpoints, recipe.seed, folder.writes)
        training = SentenceTraining(parts, reading, arguments, settings)
        pivots = modular_copy(base)
        pivots.add_module(pivot)
        frozen = frozen_language(pivots, recipe.pivot, length)
        targets = training.look_up(base, frozen, settings.teachers(recipe.pivot), recipe.hub)

        bottlenecks = new_bottlenecks(encoder, recipe, self.language)
        bottlenecks.attach(encoder.backbone, encoder.architecture)
        set_dropout(encoder.backbone, settings.dropout)
        model = SentenceModel(encoder.backbone, SentenceHead.of(encoder, tokenizer, target.manifest), bottlenecks)
        facts = training.run(model, targets, folder.logs)
        bottlenecks.scale(settings.strength)  # interpolate untrained and trained: Wortsman et al. 2022, WiSE-FT
        bottlenecks.cpu().requires_grad_(False).eval()
        record = run_record(self.settings, {"cla": facts}, self.data)
        manifest = alignment_manifest(recipe, self.objective, base, target, pivot, record)
        return lambda path: save_alignment_adapter(path, manifest, bottlenecks, replace=True)


if __name__ == "__main__":
    run_command(main)
