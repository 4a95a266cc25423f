"""Stage 1: train a language module on text and paraphrases of one language.

accelerate launch trainer/stage1.py [--recipe RECIPE.yaml] [--languages deu,kaz] [...]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import PartialState

from adapters_hub import BaseEncoder
from adapters_hub.encoder import SentenceHead, prompt_length
from adapters_hub.format import ADAPTERS, LanguageModuleManifest
from adapters_hub.modules import halved, save_language_module, write_vocabulary
from trainer.data.batches import Rows, tokenize
from trainer.data.corpora import load_text
from trainer.data.rules import read_rules
from trainer.objectives.part_sources import encoding_sources
from trainer.objectives.parts import Reading, load_part
from trainer.objectives.sentence_training import SentenceTraining
from trainer.objectives.teachers import BASE
from trainer.runs.console import run_command
from trainer.runs.identity import module_settings
from trainer.runs.modules import whole_tokenizer
from trainer.runs.parsing import parse_recipe
from trainer.runs.program import Run, make_all
from trainer.runs.records import module_data
from trainer.runs.unfinished import UnfinishedModule
from trainer.runs.workspace import PhaseFolder
from trainer.settings import Recipe
from trainer.training.arguments import training_arguments
from trainer.training.dropout import set_dropout
from trainer.training.embedding_trainer import SentenceModel
from trainer.training.language_adaptation import LanguageAdaptationTrainer, MaskedLanguageModel, mlm_head
from trainer.training.masking import MaskingCollator, pack
from trainer.training.steps import rows_in_order, split
from trainer.vocabulary import build_vocabulary, vocabulary_text

Write = Callable[[Path], dict[str, Any]]
"""A function that writes the result of a phase to a folder and returns the facts for the manifest."""


def main() -> None:
    """Train the language modules of a recipe, one after the other."""
    recipe = parse_recipe("stage1.py", "Stage 1: train language modules.")
    make_all(recipe, (Stage1(recipe, language) for language in recipe.language_list))


class Stage1(Run):
    """Trains the module of one language in three phases, each of which builds on those before.

    Args:
        recipe: all settings.
        language: ISO 639-3.
    """

    what = "module"
    manifest = LanguageModuleManifest

    def __init__(self, recipe: Recipe, language: str) -> None:
        super().__init__(recipe, Path(recipe.output_dir) / language, module_data(recipe, language))
        self.language = language

    def identify(self) -> dict[str, Any]:
        """Everything that the weights of a language module depend on."""
        return module_settings(self.recipe, self.language)

    def train(self, base: BaseEncoder) -> Callable[[Path], object] | None:
        """Run the unfinished phases."""
        self.module = module = UnfinishedModule(self.recipe, self.language, base, self.settings, self.data)
        phases = {"vocabulary": self.vocabulary, "la": self.language_adaptation, "se": self.sentence_encoding}
        for phase in self.recipe.phases_of(self.language):
            module.make(phase, phases[phase], self.workspace)
            if phase == self.recipe.stop_after:
                return None
        return lambda target: save_language_module(target, module.manifest(), module.parts, replace=True)

    def vocabulary(self, folder: PhaseFolder) -> Write:
        """Make the tokenizer of the language and the embeddings of its tokens."""
        recipe, settings, base = self.recipe, self.recipe.vocabulary, self.module.base

        def write(result: Path) -> dict[str, Any]:
            text = None
            if settings.strategy != "keep":
                text = load_text(vocabulary_text(recipe), self.language, recipe.pivot)
            rules = read_rules(settings.rewrite, self.language, recipe.pivot)
            prompts, bias = [base.prompt, *base.prompts.values()], self.module.output_bias()
            made = build_vocabulary(
                base, settings, self.language, text, bias, recipe.seed, prompts=prompts, rules=rules
            )
            trained = "la" in recipe.phases_of(self.language) and recipe.la.train_embeddings
            made.write(result, self.language, trained)
            return made.facts

        return write

    def language_adaptation(self, folder: PhaseFolder) -> Write:
        """LA: train the language LoRA, and the embeddings, to predict masked tokens of text."""
        recipe, settings = self.recipe, self.recipe.la
        base, tokenizer = self.module.composed(trains_embeddings=settings.train_embeddings)
        length, what = min(settings.max_length, base.max_positions), f"{self.language} text"
        with PartialState().main_process_first():
            text = load_text(settings.data, self.language, recipe.pivot)
            if settings.packing:
                encoded = pack(text, tokenizer, base.prompt, length, what)
            else:
                encoded = tokenize(text, ["text"], tokenizer, base.prompt, length, what)
        train, evaluation = split(encoded, settings.eval_share)
        arguments = training_arguments("la", settings.training, folder.checkpoints, recipe.seed, folder.writes)
        rows, order = rows_in_order([train], arguments, recipe.seed)

        write_lora = self.module.inject(base, settings.lora, ADAPTERS[0])
        embeddings = base.token_embeddings
        embeddings.weight.requires_grad_(settings.train_embeddings)
        head = mlm_head(base, embeddings.num_embeddings, self.module.output_bias())
        skipped = prompt_length(tokenizer, base.prompt)
        trainer = LanguageAdaptationTrainer(
            MaskedLanguageModel(base.backbone, embeddings, head),
            arguments,
            rows,
            order,
            MaskingCollator(tokenizer, settings.mask_probability, recipe.seed, settings.tokens_per_pass, skipped),
            eval_rows=Rows(evaluation) if evaluation else None,
        )
        facts = trainer.run(folder.logs) | {"rows": len(train)}

        def write(result: Path) -> dict[str, Any]:
            write_lora(result)
            if settings.train_embeddings:
                write_vocabulary(result, tokenizer, halved({"weight": embeddings.weight})["weight"])
            return facts

        return write

    def sentence_encoding(self, folder: PhaseFolder) -> Write:
        """SE: train the sentence LoRA on paraphrases, on a teacher's similarities, or on both."""
        recipe, settings, pivot = self.recipe, self.recipe.se, self.recipe.pivot
        base, tokenizer = self.module.composed(whole_vocabulary=bool(settings.related_list))
        length = min(settings.max_length, base.max_positions)
        related = {code: whole_tokenizer(base, code, recipe) for code in settings.related_list}
        reading = Reading(tokenizer, base.prompt, length, settings.eval_share, pivot, pivot, recipe.seed, related)
        parts = [load_part(source, reading) for source in encoding_sources(settings, self.language)]
        arguments = training_arguments("se", settings.training, folder.checkpoints, recipe.seed, folder.writes)
        training = SentenceTraining(parts, reading, arguments, settings)
        targets = training.look_up(self.module.base, None, settings.teachers(pivot) or [BASE], recipe.hub)

        set_dropout(base.backbone, settings.dropout)  # before the LoRA is injected: it has its own dropout
        write_lora = self.module.inject(base, settings.lora, ADAPTERS[1])
        model = SentenceModel(base.backbone, SentenceHead.of(base, tokenizer))
        facts = training.run(model, targets, folder.logs)

        def write(result: Path) -> dict[str, Any]:
            write_lora(result)
            return facts

        return write


if __name__ == "__main__":
    run_command(main)
