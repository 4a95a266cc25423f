"""Find the modules that a recipe builds on, in folders or on the Hub, and compose them with the base."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from accelerate import PartialState
from transformers import PreTrainedTokenizerFast

from adapters_hub import BaseEncoder, LanguageModule
from adapters_hub.encoder import Composition, module_tokenizer
from adapters_hub.errors import CompositionError
from adapters_hub.modules import AlignmentAdapter, BottleneckConfig, Bottlenecks
from trainer.data.rules import read_rules
from trainer.settings import Recipe, SettingsError, fill
from trainer.vocabulary import has_base_embeddings, rewriting


def module_source(recipe: Recipe, language: str) -> str:
    """The folder or address of the stage-1 module of a language.

    Raises:
        CompositionError: there is no such module.
    """
    if not has_language_module(recipe, language):
        # The recipe is written for another language and may not suit the pivot.
        own = " (if the untouched base is to serve as the pivot: with --recipe trainer/recipes/pivot.yaml)"
        raise CompositionError(
            f"{_source(recipe, language)} has no language module: run trainer/stage1.py --languages {language} first"
            + (own if language == recipe.pivot else "")
        )
    return _source(recipe, language)


def has_language_module(recipe: Recipe, language: str) -> bool:
    """Whether stage 1 has written the module of a language; assumed if the recipe gives a path with `{language}`."""
    one_by_one = "{language}" in (recipe.modules_dir or recipe.output_dir)
    return one_by_one or (Path(_source(recipe, language)) / "module.json").is_file()


def _source(recipe: Recipe, language: str) -> str:
    place = recipe.modules_dir or recipe.output_dir
    return fill(place, language, recipe.pivot) if "{language}" in place else str(Path(place) / language)


def load_module(source: str, hub: str | None, base: BaseEncoder) -> LanguageModule:
    """Load a language module; one on the Hub is downloaded by the main process first.

    Raises:
        CompositionError: the module belongs to another base.
    """
    with PartialState().main_process_first():
        module = LanguageModule.load(source, hub=hub)
    module.check_base(base)
    return module


def compose(
    base: BaseEncoder, module: LanguageModule, recipe: Recipe, whole_vocabulary: bool
) -> tuple[BaseEncoder, PreTrainedTokenizerFast]:
    """Compose a module with a copy of the base, and return the copy and the tokenizer for all text.

    With `whole_vocabulary` all tokens of the base are kept, because the module lacks tokens of related languages.

    Raises:
        SettingsError: the module has token embeddings of its own, so that it cannot keep the base's tokens.
    """
    copy = base.copy()
    if not whole_vocabulary:
        Composition(copy).activate(module)
        return copy, module_tokenizer(copy, module)
    if not has_base_embeddings(module.manifest):
        raise SettingsError(
            "cla.related needs modules with the base's own embeddings: vocabulary.strategy trim or keep, and no la "
            f"that trains embeddings; the module of {module.language} has embeddings of its own"
        )
    Composition(copy).activate(dataclasses.replace(module, tokenizer=None, embeddings=None))
    return copy, whole_tokenizer(copy, module.language, recipe)


def whole_tokenizer(base: BaseEncoder, language: str, recipe: Recipe) -> PreTrainedTokenizerFast:
    """The base's tokenizer for a language, with the rules that rewrite the language's text."""
    rules = read_rules(recipe.vocabulary.rewrite, language, recipe.pivot)
    return rewriting(base.tokenizers.of(language), rules, [base.prompt, *base.prompts.values()])


def new_bottlenecks(base: BaseEncoder, recipe: Recipe, language: str) -> Bottlenecks:
    """New bottlenecks for an alignment adapter, or a copy of those in the adapter `cla.start`.

    Raises:
        SettingsError: the bottlenecks of `cla.start` have another size.
    """
    settings = recipe.cla
    config = BottleneckConfig(
        hidden_size=base.width,
        num_layers=len(base.backbone.get_submodule(base.architecture.blocks)),  # type: ignore[arg-type]
        reduction_factor=settings.reduction_factor,
        non_linearity=settings.non_linearity,
        scaling=settings.adapter_scaling,
    )
    bottlenecks = Bottlenecks(config)
    if settings.start:
        source = fill(settings.start, language, recipe.pivot)
        with PartialState().main_process_first():
            other = AlignmentAdapter.load(source, hub=recipe.hub).bottlenecks
        if other.config != config:
            raise SettingsError(
                f"cla.start: the bottlenecks of {source} are {other.config}, those of the recipe {config}"
            )
        bottlenecks.load_state_dict(other.state_dict())
    return bottlenecks
