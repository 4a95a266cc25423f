"""A language that is in memory: what it takes to read its sentences and to compute with them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedTokenizerFast

from adapters_hub.base.loading import BaseEncoder
from adapters_hub.encoder.alignment import Weights
from adapters_hub.format import LanguageModuleManifest, PromptName
from adapters_hub.modules import Bottlenecks, blend

Factors = dict[str, tuple[torch.Tensor, torch.Tensor]]
"""The two factors of a LoRA by the name of the dense layer that they change."""

_KEPT_BLENDS = 4


@dataclass(eq=False)
class Language:
    """A language on the device that it is computed on; the untouched base is one too, without weights of its own.

    Attributes:
        settings: prompt, pooling and maximum length: the manifest of the language module, or the base.
        prompts: the prompts of a `query` and a `document`, where they differ from that of `settings`.
        tokenizer: the tokenizer of the module, or the base's with the tag of the language.
        embeddings: `[vocabulary, width]`; None for the base's own.
        factors: all LoRAs combined by `stack_loras`, float32.
        beside: the same factors, transposed and in the precision of the computation, for use without merging.
        bottlenecks: the weights of the alignment adapters, by objective, as they were loaded.
    """

    settings: LanguageModuleManifest | BaseEncoder
    prompts: Mapping[str, str]
    tokenizer: PreTrainedTokenizerFast
    embeddings: torch.Tensor | None = None
    factors: Factors = field(default_factory=dict)
    beside: Factors = field(default_factory=dict)
    bottlenecks: dict[str, Bottlenecks] = field(default_factory=dict)
    _blends: dict[Weights, Bottlenecks] = field(default_factory=dict, init=False)

    @property
    def code(self) -> str | None:
        """ISO 639-3; None for the untouched base."""
        return None if isinstance(self.settings, BaseEncoder) else self.settings.language

    def prompt(self, name: PromptName | None) -> str:
        """The text put before queries, documents, or (None) any other sentences."""
        return self.settings.prompt if name is None else self.prompts.get(name, self.settings.prompt)

    def alignment(self, weights: Weights, device: torch.device, dtype: torch.dtype) -> Bottlenecks | None:
        """The alignment adapters, blended by their weights, ready to compute with; None without weights."""
        if not weights:
            return None
        if weights not in self._blends:
            while len(self._blends) >= _KEPT_BLENDS:  # a user who moves a slider asks for many blends
                del self._blends[next(iter(self._blends))]
            # A copy, because `.to` works in place and other encoders may use the same adapters.
            blended = copy.deepcopy(blend([(self.bottlenecks[objective], weight) for objective, weight in weights]))
            self._blends[weights] = blended.to(device, dtype)
        return self._blends[weights]

    def forget(self, objective: str) -> None:
        """Drop the alignment adapter of an objective."""
        del self.bottlenecks[objective]
        self._blends.clear()
