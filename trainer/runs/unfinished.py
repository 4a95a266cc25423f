"""A language module whose phases are not all finished."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import inject_adapter_in_model
from peft.functional import get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast, set_seed

from adapters_hub import BaseEncoder, LanguageModule
from adapters_hub.format import ADAPTERS, EMBEDDINGS_FILE, TOKENIZER_FILES, LanguageModuleManifest
from adapters_hub.modules import LoRA, write_lora
from trainer.runs.modules import compose, load_module
from trainer.runs.records import base_reference, run_record
from trainer.runs.workspace import PhaseFolder, Workspace
from trainer.settings import PHASES, LoRASettings, Recipe, SettingsError, fill
from trainer.training.language_adaptation import check_can_mask, pretrained_output_bias
from trainer.training.low_rank import copy_lora, lora_config
from trainer.vocabulary import has_base_embeddings, read_output_bias

logger = logging.getLogger(__name__)

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

    Raises:
        SettingsError: a phase is not possible with this base or vocabulary, or the module to start from is of another
            language.
        CompositionError: the module to start from belongs to another base.
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
        self._settings = settings
        self._begun = {key: value for key, value in settings.items() if key not in PHASES}
        self._data = list(data)
        self.parts: dict[str, Path] = {}
        """The folder of each part: `vocabulary` or `tokenizer`, `language_adapter`, `sentence_adapter`."""
        self.facts: dict[str, Any] = {}
        """The manifest's entries about the phases."""
        phases = recipe.phases_of(language)
        if "la" in phases:
            check_can_mask(base)
        if recipe.start_from:
            self._take_over(recipe.start_from, phases)
        if "vocabulary" in phases:
            self.facts["vocabulary"] = {"strategy": recipe.vocabulary.strategy}
        if "se" in phases and recipe.se.related_list and not has_base_embeddings(self.manifest()):
            raise SettingsError(
                "se.related needs the base's own embeddings: set vocabulary.strategy to trim or keep, and leave la out "
                "of the phases or set la.train_embeddings to false; a module given as --start_from must be made so too"
            )

    def make(
        self, phase: str, run: Callable[[PhaseFolder], Callable[[Path], dict[str, Any]]], workspace: Workspace
    ) -> None:
        """Run a phase, if it is not finished, and take over the parts that it has made.

        Args:
            phase: its name; the phases before it are made.
            run: runs the phase, and returns a function for `PhaseFolder.finish`.
            workspace: where the phase keeps its checkpoints and result.
        """
        self._begun[phase] = self._settings[phase]
        folder = workspace.phase(phase, self._begun)
        if not folder.is_finished():
            logger.info("%s: %s", self.language, phase)
            set_seed(self.recipe.seed)
            folder.finish(run(folder))
        self.facts[phase] = folder.facts()
        for part in ADAPTERS:
            if (folder.result / part).is_dir():
                self.parts[part] = folder.result / part
        if (folder.result / EMBEDDINGS_FILE).is_file():
            self.parts["vocabulary"] = folder.result
        elif (folder.result / TOKENIZER_FILES[0]).is_file():
            self.parts["tokenizer"] = folder.result

    def _take_over(self, source: str, phases: Sequence[str]) -> None:
        """Take over the parts of another module of this language, except those that `phases` make."""
        module = load_module(source, self.recipe.hub, self.base)
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

    def composed(
        self, whole_vocabulary: bool = False, trains_embeddings: bool = False
    ) -> tuple[BaseEncoder, PreTrainedTokenizerFast]:
        """A copy of the base with the parts that are finished so far, and its tokenizer.

        Args:
            whole_vocabulary: keep all tokens of the base, which include the module's, for text of other languages.
            trains_embeddings: use a float32 copy of the embeddings, even where they are the base's own.
        """
        partial = self._loaded()
        if trains_embeddings and partial.embeddings is None:
            own = self.base.token_embeddings.weight.detach().to(torch.float32, copy=True)
            partial = dataclasses.replace(partial, embeddings=own)
        return compose(self.base, partial, self.recipe, whole_vocabulary)

    def output_bias(self) -> torch.Tensor | None:
        """The output bias `[vocabulary]` of the base's MLM head for the module's tokens; None if the base has none."""
        if "vocabulary" in self.parts:
            return read_output_bias(self.parts["vocabulary"])
        return pretrained_output_bias(self.base)

    def inject(self, base: BaseEncoder, settings: LoRASettings, part: str) -> Callable[[Path], None]:
        """Put a new LoRA on a composed base, as its only trainable part.

        Returns:
            A function that writes the LoRA to its folder in a result.

        Raises:
            SettingsError: the module named by `settings.start` has no such LoRA.
        """
        name = f"{part[:4]}_{self.language}"
        config = lora_config(base, settings.rank, settings.alpha, settings.dropout)
        inject_adapter_in_model(config, base.backbone, adapter_name=name)
        if settings.start:
            source = fill(settings.start, self.language, self.recipe.pivot)
            other = load_module(source, self.recipe.hub, self.base)
            if part not in other.loras:
                raise SettingsError(f"{source} has no {part} to start from")
            copy_lora(other.loras[part], base.backbone, name, config)

        def write(result: Path) -> None:
            state = get_peft_model_state_dict(base.backbone, adapter_name=name, save_embedding_layers=False)
            write_lora(result / part, config, state)

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
