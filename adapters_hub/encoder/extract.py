"""A copy of an encoder's transformer that is set to one language for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from adapters_hub.format import AlignmentManifest, LanguageModuleManifest
from adapters_hub.modules import Bottlenecks


@dataclass(frozen=True)
class Extract:
    """One language of an encoder, on its device and in its precision, which shares no memory with the encoder.

    Attributes:
        manifest: the manifest of the language module.
        adapters: the manifests of the alignment adapters that are on.
        fingerprints: see `ModularEncoder.fingerprints`.
        tokenizer: a copy of the language's tokenizer, which neither truncates nor pads until it is told to.
        backbone: the transformer, with the LoRAs merged into its weights and the language's embeddings.
        bottlenecks: the alignment adapters, blended by their weights and not attached yet; None if none is on.
    """

    manifest: LanguageModuleManifest
    adapters: Sequence[AlignmentManifest]
    fingerprints: tuple[str, ...]
    tokenizer: PreTrainedTokenizerFast
    backbone: PreTrainedModel
    bottlenecks: Bottlenecks | None
