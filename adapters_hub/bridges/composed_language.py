"""One language of an encoder as a plain transformer of its own: what the exports are made from and checked against."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize as unit_length
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from adapters_hub.base import plain_tokenizer
from adapters_hub.base.sentence_folder import write_json
from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align, check_aligned
from adapters_hub.encoder.head import SentenceHead
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import WITHOUT_PROMPT, AlignmentManifest
from adapters_hub.modules import Bottlenecks, LanguageModule

TOLERANCE = 1e-4
"""Largest difference of a component of a unit vector between an export and the encoder."""

_PROBES = 4


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """No progress bars of transformers for reading and writing weights, which take a moment."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


class ComposedLanguage(nn.Module):
    """A copy of the transformer with everything of one language in it, on the CPU in float32.

    LoRAs are merged into the weights, the language's embeddings are the transformer's own. The alignment bottlenecks,
    if there are any, are attached.

    Attributes:
        module: the language module.
        backbone: the transformer.
        bottlenecks: the alignment, or None.
        head: pooling, and the base's dense layers.
        tokenizer: cuts at the module's `max_length`; shared with nobody.
        fingerprints: of the module, and of the alignment adapters that are on.
        adapters: manifests of these adapters.
    """

    def __init__(
        self,
        module: LanguageModule,
        backbone: PreTrainedModel,
        bottlenecks: Bottlenecks | None,
        head: SentenceHead,
        tokenizer: PreTrainedTokenizerFast,
        fingerprints: tuple[str, ...],
        adapters: Sequence[AlignmentManifest] = (),
    ) -> None:
        super().__init__()
        self.module = module
        self.backbone = backbone
        self.bottlenecks = bottlenecks
        self.head = head
        self.tokenizer = tokenizer
        self.fingerprints = fingerprints
        self.adapters = adapters

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of sequences `[batch, tokens]`: token vectors `[batch, tokens, width]` and unit vectors `[batch, dim]`."""
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden, unit_length(self.head(hidden, attention_mask), dim=-1)

    @torch.inference_mode()
    def vectors(self, sentences: Sequence[str]) -> np.ndarray:
        """Unit vectors `[n, dim]` of sentences, which are cut at `max_length` without a word."""
        manifest = self.module.manifest
        texts = [manifest.prompt + sentence for sentence in sentences]
        batch = self.tokenizer(
            texts, truncation=True, max_length=manifest.max_length, padding=True, return_tensors="pt"
        )
        _, vectors = self(batch["input_ids"], batch["attention_mask"])
        return np.asarray(vectors)


def compose(encoder: ModularEncoder, language: str, align: Align = False) -> ComposedLanguage:
    """Copy one language out of an encoder, which stays as it is.

    Args:
        encoder: in float32.
        language: one that is loaded.
        align: as for `ModularEncoder.encode`.

    Raises:
        AdaptersHubError: the encoder computes in another precision.
        CompositionError: the language is not loaded.
        InputTextError: an alignment adapter is not loaded, or which one is ambiguous.
    """
    if encoder.dtype != torch.float32:
        raise AdaptersHubError(
            f"an export needs an encoder in float32, this one is in {str(encoder.dtype).removeprefix('torch.')}: "
            "load it with dtype=torch.float32"
        )
    fingerprints = encoder.fingerprints(language, align=align)
    check_aligned(align, encoder.languages)
    with encoder._lock:
        languages = encoder._languages
        loaded = languages.memory(language)
        module = loaded.prepared.module
        weights = languages.weights(language, align)
        bottlenecks = copy.deepcopy(languages.alignment(language, weights))
        adapters = [languages.find(language).adapters[objective].manifest for objective, _ in weights]
        embeddings = loaded.prepared.embeddings
        if embeddings is not None:
            embeddings = embeddings.to(encoder.dtype)
        encoder._composition.activate(dataclasses.replace(loaded.prepared, embeddings=embeddings))
        backbone = copy.deepcopy(encoder._composition.backbone)
        tokenizer = plain_tokenizer(loaded.tokenizer, model_max_length=module.manifest.max_length)
    backbone.to("cpu")  # type: ignore[arg-type]
    backbone.config.vocab_size = len(backbone.get_submodule(encoder.base.architecture.token_embeddings).weight)  # type: ignore[arg-type]
    for role in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(backbone.config, role, getattr(tokenizer, role))
    backbone.config._name_or_path = ""  # where it was loaded from is nobody's business
    # What earlier calls set on the tokenizer would be written to its file.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    if bottlenecks is not None:
        bottlenecks.to("cpu")
        bottlenecks.attach(backbone, encoder.base.architecture)
    head = copy.deepcopy(SentenceHead.of(encoder.base, tokenizer, module.manifest)).to("cpu")
    composed = ComposedLanguage(module, backbone, bottlenecks, head, tokenizer, fingerprints, adapters)
    return composed.eval().requires_grad_(False)


def save_tokenizer(composed: ComposedLanguage, folder: Path) -> None:
    """Write the tokenizer's files, its class by the name that every release of transformers knows."""
    composed.tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, settings | {"tokenizer_class": "PreTrainedTokenizerFast"})


def write_card(folder: Path, card: str) -> None:
    """Write the card of an export."""
    (folder / "README.md").write_text(card, encoding="utf-8")


def counts_prompt_alike(composed: ComposedLanguage) -> bool:
    """Whether sentence-transformers counts the prompt's tokens as the encoder does, if they are to be left out.

    It takes the prompt alone: a last space that is a token when nothing follows would be counted in.
    """
    manifest = composed.module.manifest
    alone, words = (composed.tokenizer(text)["input_ids"] for text in (manifest.prompt, manifest.prompt.rstrip()))
    return manifest.pooling != WITHOUT_PROMPT or len(alone) == len(words)


def probe_sentences(composed: ComposedLanguage) -> list[str]:
    """Text in the language's own tokens, from one token to more than `max_length`, the same every time."""
    tokenizer, max_length = composed.tokenizer, composed.module.manifest.max_length
    special = set(tokenizer.all_special_ids)
    ids = np.array([number for number in range(len(tokenizer)) if number not in special])
    random = np.random.default_rng(0)
    lengths = [1, 2, 7, 19, max_length // 2, 2 * max_length] * _PROBES
    texts = [str(tokenizer.decode(random.choice(ids, length).tolist())).strip() for length in lengths]
    return [text for text in texts if text]


def check_vectors(
    composed: ComposedLanguage, encode: Callable[[list[str]], np.ndarray], what: str, tolerance: float = TOLERANCE
) -> float:
    """Compare what an export gives with what it was made from: all at once, and one by one.

    Returns:
        The largest difference.

    Raises:
        AdaptersHubError: it is more than `tolerance`.
    """
    sentences = probe_sentences(composed)
    alone = sentences[: len(sentences) // _PROBES]
    found = np.concatenate([encode(sentences), *(encode([sentence]) for sentence in alone)])
    expected = composed.vectors([*sentences, *alone])
    difference = float(np.abs(found - expected).max(initial=0.0))
    if not difference <= tolerance:  # also where it is not a number
        raise AdaptersHubError(
            f"{what} was not written: its vectors differ by {difference:.1e} from the encoder's, expected at most "
            f"{tolerance:.0e}: report it with the base's architecture and the versions of torch and transformers"
        )
    return difference
