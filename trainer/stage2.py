"""Stage 2: alignment adapters that bring language modules to the pivot.

accelerate launch trainer/stage2.py [--recipe RECIPE.yaml] [--languages deu,kaz] [...]
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

from accelerate import PartialState
from datasets import Dataset
from transformers import PreTrainedTokenizerFast, set_seed

from adapters_hub import BaseEncoder, LanguageModule, load_base
from adapters_hub.encoder import Composition, SentenceHead, module_tokenizer
from adapters_hub.errors import CompositionError
from adapters_hub.format import AlignmentManifest, LanguageModuleManifest
from adapters_hub.hub import Fetched, fetch_manifest, fetch_module
from adapters_hub.modules import AlignmentAdapter, BottleneckConfig, Bottlenecks, save_alignment_adapter
from trainer import alignment
from trainer.alignment import KINDS, SOURCES, AlignmentTrainer
from trainer.batches import PairCollator, Rows, tokenize
from trainer.console import run_command
from trainer.corpora import load_pairs
from trainer.dropout import set_dropout
from trainer.embedding_trainer import SentenceModel
from trainer.mixing import has_lexicon, with_mixed
from trainer.parsing import parse_recipe
from trainer.phase_trainer import training_arguments
from trainer.pivot import KeptVectors, Vectors, frozen_encoder
from trainer.runs import (
    base_reference,
    data_facts,
    hardware,
    numbers_used,
    own_copy,
    publish,
    refuse_unpublished,
    rows_in_order,
    split,
    versions,
    with_relatives,
)
from trainer.settings import Recipe, SettingsError, fill
from trainer.vocabulary import has_base_embeddings, read_rules, rewriting
from trainer.workspace import PhaseFolder, Workspace, check_same_settings, describe, describe_data

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
                Workspace(recipe.output_dir, target.name).remove()  # left behind if a run was killed at its very end
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


def language_module(recipe: Recipe, language: str) -> Fetched:
    """Where the language module of stage 1 lies; fetched if it is on a hub.

    Raises:
        CompositionError: it is not there.
    """
    place = recipe.modules_dir or recipe.output_dir
    source = fill(place, language, recipe.pivot) if "{language}" in place else str(Path(place) / language)
    if "{language}" not in place and not (Path(source) / "module.json").is_file():
        # The recipe of another language need not fit the pivot.
        own = " (a pivot that is the base as it is: with --recipe trainer/recipes/pivot.yaml)"
        raise CompositionError(
            f"{source} has no language module: run trainer/stage1.py --languages {language} first"
            + (own if language == recipe.pivot else "")
        )
    with PartialState().main_process_first():
        return fetch_module(source, recipe.hub)


def settings_of(recipe: Recipe, language: str, objective: str) -> dict[str, Any]:
    """Everything that the weights of an alignment adapter depend on."""
    values = describe(recipe.cla, recipe, language)
    values.pop("objectives")
    for source in ("paraphrase", "parallel"):
        if source not in {SOURCES[kind] for kind in KINDS[objective]}:
            values.pop(source)
    values.pop("mixed")
    if values["strength"] == 1:
        values.pop("strength")  # as in what finished adapters recorded before it was a setting
    if "parallel" in values and has_lexicon(recipe.cla.mixed.lexicon, language, recipe.pivot):
        values["mixed"] = describe(recipe.cla.mixed, recipe, language)
    if relatives := [code for code in recipe.cla.related_list if code != language]:
        source = getattr(recipe.cla, SOURCES[KINDS[objective][-1]])
        values["related_data"] = {code: describe_data(source, recipe, code) for code in relatives}
        listed = [code for code in relatives if has_lexicon(recipe.cla.mixed.lexicon, code, recipe.pivot)]
        if "parallel" in values and listed:
            values["related_mixed"] = {code: describe(recipe.cla.mixed, recipe, code) for code in listed}
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
    if not (target / "module.json").is_file() or recipe.overwrite:
        return False
    recorded = AlignmentManifest.read(target).training.get("settings", {})
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
        objective: one of `trainer.alignment.KINDS`.
        base: the base encoder; it is copied, never changed.
    """

    def __init__(self, recipe: Recipe, language: str, objective: str, base: BaseEncoder) -> None:
        self.recipe = recipe
        self.language = language
        self.objective = objective
        self.base = base
        self.settings = settings_of(recipe, language, objective)
        self.kinds = KINDS[objective]
        self.sources = [(kind, language) for kind in self.kinds]
        """Kind and language of each part of the data: the language's own, then translations of its relatives."""
        self.sources += [(self.kinds[-1], other) for other in recipe.cla.related_list if other != language]
        self.workspace = Workspace(recipe.output_dir, f"{language}-{recipe.pivot}-{objective}")

    def run(self, target: Path) -> None:
        """Train and write the adapter to `target`."""
        pivot, module = (
            dataclasses.replace(LanguageModule.load(folder), address=address)
            for folder, address in (language_module(self.recipe, code) for code in (self.recipe.pivot, self.language))
        )
        for loaded in (pivot, module):
            loaded.check_base(self.base)
        logger.info("%s: alignment to %s (%s)", self.language, self.recipe.pivot, self.objective)
        set_seed(self.recipe.seed)
        folder = self.workspace.phase("cla", self.settings)
        bottlenecks, facts = self._train(folder, module, pivot)
        state = PartialState()
        if state.is_main_process:
            save_alignment_adapter(target, self._manifest(module, pivot, facts), bottlenecks, replace=True)
            logger.info("%s: alignment adapter written to %s", self.language, target)
        state.wait_for_everyone()
        self.workspace.remove()

    def _train(
        self, folder: PhaseFolder, module: LanguageModule, pivot: LanguageModule
    ) -> tuple[Bottlenecks, dict[str, Any]]:
        settings, recipe = self.recipe.cla, self.recipe
        base = own_copy(self.base)
        tokenizer = self._compose(base, module)
        texts, encoded, evaluation = self._data(module, tokenizer)
        arguments = training_arguments("cla", settings.training, folder.checkpoints, recipe.seed)
        rows, order = rows_in_order(encoded, arguments, recipe.seed, shares=self._shares())
        used = numbers_used(order, arguments)
        pivots = self._pivots(pivot, texts, encoded, evaluation, used)

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
        trainer = AlignmentTrainer(
            SentenceModel(base.backbone, SentenceHead.of(base, tokenizer, module.manifest), extra=bottlenecks),
            arguments,
            rows,
            order,
            PairCollator(alignment.COLUMNS[1:], int(tokenizer.pad_token_id), settings.tokens_per_pass),
            eval_rows=Rows(evaluation[0]) if evaluation[0] else None,
            kinds=[kind for kind, _ in self.sources],
            pivots=pivots,
            scale=settings.scale,
            gradient_cache=settings.gradient_cache,
        )
        counts = {
            kind if code == self.language else f"{kind} {code}": len(part)
            for (kind, code), part in zip(self.sources, encoded, strict=True)
        }
        facts = trainer.run(folder.logs) | {"rows": counts}
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

    def _shares(self) -> list[float]:
        second = self.recipe.cla.parallel_share
        own = [1.0] if len(self.kinds) == 1 else [1 - second, second]
        return with_relatives(own, self.recipe.cla.related_share, len(self.sources) - len(own))

    def _data(
        self, module: LanguageModule, tokenizer: PreTrainedTokenizerFast
    ) -> tuple[list[Dataset], list[Dataset], list[Dataset | None]]:
        """For each of the sources: the text, the tokenized training rows, the tokenized evaluation rows."""
        settings = self.recipe.cla
        texts, train, evaluation = [], [], []
        with PartialState().main_process_first():
            for kind, language in self.sources:
                source = getattr(settings, SOURCES[kind])
                data = load_pairs(source, language, self.recipe.pivot, alignment.COLUMNS)
                if SOURCES[kind] == "parallel":
                    data = with_mixed(data, settings.mixed, language, self.recipe.pivot, self.recipe.seed)
                encoded = tokenize(
                    data,
                    alignment.COLUMNS[1:],
                    tokenizer,
                    module.manifest.prompt,
                    min(settings.max_length, self.base.max_positions),
                    f"{language} {kind} pairs",
                    only_keys=alignment.COLUMNS[:1],
                    languages=dict.fromkeys(alignment.COLUMNS[1:], language),
                )
                encoded = encoded.add_column("row", list(range(len(encoded))))  # type: ignore[call-arg]
                rows, held_out = split(encoded, settings.eval_share)
                texts.append(data)
                train.append(rows)
                evaluation.append(held_out)
        return texts, train, evaluation

    def _pivots(
        self,
        pivot: LanguageModule,
        texts: list[Dataset],
        train: list[Dataset],
        evaluation: list[Dataset | None],
        used: set[int],
    ) -> list[Vectors]:
        """The pivot's vectors for every row that training or evaluation looks at."""
        encoder = frozen_encoder(self.base)
        encoder.add_module(pivot)
        kept = KeptVectors(encoder, self.recipe.pivot)
        vectors = []
        start = 0
        for data, rows, held_out in zip(texts, train, evaluation, strict=True):
            needed = [row - start for row in used if start <= row < start + len(rows)]
            needed += range(len(rows), len(data))  # for evaluation
            vectors.append(kept.of_rows(data, "pivot", (rows, held_out), needed))
            start += len(rows)
        return vectors

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
                "data": self._data_facts(),
                "hardware": hardware(),
                "versions": versions(),
            },
        )

    def _data_facts(self) -> list[dict[str, Any]]:
        settings, pivot = self.recipe.cla, self.recipe.pivot
        facts = [
            data_facts(getattr(settings, SOURCES[kind]), f"cla, {kind}", language, pivot)
            for kind, language in self.sources
        ]
        mixed = [
            language
            for language in dict.fromkeys(language for kind, language in self.sources if SOURCES[kind] == "parallel")
            if has_lexicon(settings.mixed.lexicon, language, pivot)
        ]
        facts += [data_facts(settings.mixed.lexicon, "cla, words of mixed sentences", code, pivot) for code in mixed]
        if mixed:
            facts.append(data_facts(settings.mixed.sentences, "cla, mixed sentences", pivot, pivot))
        return facts


if __name__ == "__main__":
    run_command(main)
