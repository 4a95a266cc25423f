"""A language module whose phases are not all finished."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from peft import inject_adapter_in_model
from peft.functional import get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from adapters_hub import BaseEncoder, LanguageModule
from adapters_hub.encoder import Composition, module_tokenizer
from adapters_hub.format import ADAPTERS, EMBEDDINGS_FILE, TOKENIZER_FILES, LanguageModuleManifest
from adapters_hub.modules import LoRA, write_lora
from trainer.data.rules import read_rules
from trainer.runs.records import base_reference, run_record
from trainer.runs.workspace import PhaseFolder
from trainer.settings import LoRASettings, Recipe, SettingsError, fill
from trainer.training.low_rank import copy_lora, lora_config
from trainer.vocabulary import has_base_embeddings, rewriting

_PHASE_OF = {
    "vocabulary": "vocabulary",
    "tokenizer": "vocabulary",
    "language_adapter": "la",
    "sentence_adapter": "se",
}


class UnfinishedModule:
    """The parts of a language module that are finished so far, and the facts for its manifest.

    Args:
        recipe: all settings.
        language: ISO 639-3.
        base: the base encoder; it is copied, never changed.
        settings: everything that the module's weights depend on.
        data: the manifest's entries about the data; see `trainer.data.facts`.
    """

    def __init__(
        self,
        recipe: Recipe,
        language: str,
        base: BaseEncoder,
        settings: dict[str, Any],
        data: Sequence[dict[str, Any]],
    ) -> None:
        self.recipe = recipe
        self.language = language
        self.base = base
        self.rules = read_rules(recipe.vocabulary.rewrite, language, recipe.pivot)
        """Rules that rewrite the language's text before the base's tokenizer reads it."""
        self._settings = settings
        self._data = list(data)
        self.parts: dict[str, Path] = {}
        """The folder of each part: `vocabulary` or `tokenizer`, `language_adapter`, `sentence_adapter`."""
        self.facts: dict[str, Any] = {}
        """The manifest's entries about the phases."""

    @property
    def has_base_embeddings(self) -> bool:
        """Whether its embeddings are rows of the base's matrix, so that the base's tokens keep their vectors."""
        return has_base_embeddings(self.manifest())

    def take_over(self, source: str, phases: Collection[str]) -> None:
        """Take over the parts of another module of this language, except those that `phases` make.

        Raises:
            SettingsError: the module is of another language.
            CompositionError: the module belongs to another base.
        """
        with PartialState().main_process_first():
            module = LanguageModule.load(source, hub=self.recipe.hub)
        module.check_base(self.base)
        if module.language != self.language:
            raise SettingsError(f"{source} is a module of {module.language!r}, not of {self.language!r}")
        self.parts = {
            part: module.folder / part if part in ADAPTERS else module.folder
            for part, phase in _PHASE_OF.items()
            if part in module.manifest.components and phase not in phases
        }
        self.facts = {"start_from": {"path": module.address or source, "fingerprint": module.manifest.fingerprint}}
        if "vocabulary" not in phases:
            self.facts["vocabulary"] = module.manifest.vocabulary
            self.facts["start_from"]["base_embeddings"] = has_base_embeddings(module.manifest)

    def collect(self, phase: str, folder: PhaseFolder) -> None:
        """Take over the parts that a finished phase has made."""
        self.facts[phase] = folder.facts()
        for part in ADAPTERS:
            if (folder.result / part).is_dir():
                self.parts[part] = folder.result / part
        if (folder.result / EMBEDDINGS_FILE).is_file():
            self.parts["vocabulary"] = folder.result
        elif (folder.result / TOKENIZER_FILES[0]).is_file():
            self.parts["tokenizer"] = folder.result

    def composed(
        self, whole_vocabulary: bool = False, trains_embeddings: bool = False
    ) -> tuple[BaseEncoder, PreTrainedTokenizerFast]:
        """A copy of the base with the parts that are finished so far, and its tokenizer.

        Args:
            whole_vocabulary: keep all tokens of the base, which include the module's, for text of other languages.
            trains_embeddings: use a float32 copy of the embeddings, even where they are the base's own.
        """
        base = self.base.copy()
        partial = self._loaded()
        if trains_embeddings and partial.embeddings is None:
            own = base.token_embeddings.weight.detach().to(torch.float32, copy=True)
            partial = dataclasses.replace(partial, embeddings=own)
        if whole_vocabulary:
            partial = dataclasses.replace(partial, tokenizer=None, embeddings=None)
        Composition(base).activate(partial)
        if whole_vocabulary:
            prompts = [base.prompt, *base.prompts.values()]
            return base, rewriting(base.tokenizers.of(self.language), self.rules, prompts)
        return base, module_tokenizer(base, partial)

    def inject(self, base: BaseEncoder, settings: LoRASettings, part: str) -> Callable[[Path], None]:
        """Put a new LoRA on a composed base, as its only trainable part.

        Returns:
            A function that writes the LoRA to a folder.

        Raises:
            SettingsError: the module named by `settings.start` has no such LoRA.
        """
        name = f"{part[:4]}_{self.language}"
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

    def manifest(self) -> LanguageModuleManifest:
        """The manifest of the module as it is so far."""
        base = self.base
        return LanguageModuleManifest(
            language=self.language,
            base=base_reference(base, self.parts),
            pooling=base.pooling,
            prompt=base.prompt,
            prompts=dict(base.prompts),
            max_length=min(self.recipe.max_length, base.max_positions),
            dimension=base.dimension,
            vocabulary=self.facts.get("vocabulary", {}),
            license=self.recipe.license,
            training=run_record(self._settings, self.facts, self._data),
        )

    def _loaded(self) -> LanguageModule:
        """The parts that are finished so far, as a module that a composition can activate."""
        tokenizer, embeddings = None, None
        if vocabulary := self.parts.get("vocabulary", self.parts.get("tokenizer")):
            tokenizer = PreTrainedTokenizerFast.from_pretrained(vocabulary)
        if "vocabulary" in self.parts:
            embeddings = load_file(self.parts["vocabulary"] / EMBEDDINGS_FILE)["weight"]
        loras = {name: LoRA.read(self.parts[name]) for name in ADAPTERS if name in self.parts}
        return LanguageModule(self.manifest(), tokenizer, embeddings, loras, Path(self.recipe.output_dir))
