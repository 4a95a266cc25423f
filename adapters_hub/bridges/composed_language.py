"""One language of an encoder as a transformer of its own, which exports are made from and compared with."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize as unit_length
from transformers.utils import logging as transformers_logging

from adapters_hub.base.sentence_folder import write_json, write_sentence_folder
from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.encoder.head import SentenceHead
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import WITHOUT_PROMPT

TOLERANCE = 1e-4
"""Largest difference allowed between an export and the encoder, in any component of a unit vector."""

_PROBES = 4


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Hide the progress bars of transformers: reading and writing weights takes only a moment."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


class ComposedLanguage(nn.Module):
    """A copy of the transformer for one language, on the CPU in float32.

    The LoRAs are merged into its weights, it has the language's embeddings, and the alignment bottlenecks, if there
    are any, are attached.

    Args:
        encoder: an encoder in float32, which stays as it is.
        language: a language that is loaded.
        align: as for `ModularEncoder.encode`.

    Attributes:
        manifest: the manifest of the language module.
        adapters: the manifests of the alignment adapters that are on.
        fingerprints: fingerprints of the module and of these adapters.
        tokenizer: its own tokenizer.
        backbone: the transformer.
        bottlenecks: the alignment bottlenecks, or None.
        head: pooling, and the base's dense layers.

    Raises:
        AdaptersHubError: the encoder computes in another precision.
        CompositionError: the language is not loaded.
        InputTextError: an alignment adapter is not loaded, or the choice among several is ambiguous.
    """

    def __init__(self, encoder: ModularEncoder, language: str, align: Align = False) -> None:
        super().__init__()
        if encoder.dtype != torch.float32:
            raise AdaptersHubError(
                f"an export needs an encoder in float32, this one is in {str(encoder.dtype).removeprefix('torch.')}: "
                "load it with dtype=torch.float32"
            )
        base, own = encoder.base, encoder.extract(language, align=align)
        self.manifest, self.adapters, self.fingerprints = own.manifest, own.adapters, own.fingerprints
        self.tokenizer, self.backbone, self.bottlenecks = own.tokenizer, own.backbone, own.bottlenecks
        config = self.backbone.config
        config.vocab_size = len(self.backbone.get_submodule(base.architecture.token_embeddings).weight)  # type: ignore[arg-type]
        for role in ("pad_token_id", "bos_token_id", "eos_token_id"):
            setattr(config, role, getattr(self.tokenizer, role))
        config.name_or_path = ""  # the path that it was loaded from is private
        if self.bottlenecks is not None:
            self.bottlenecks.attach(self.backbone, base.architecture)
        self.head = copy.deepcopy(SentenceHead.of(base, self.tokenizer, self.manifest))
        self.to("cpu").eval().requires_grad_(False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Token vectors `[batch, tokens, width]` and unit vectors `[batch, dim]` of sequences `[batch, tokens]`."""
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden, unit_length(self.head(hidden, attention_mask), dim=-1)

    @torch.inference_mode()
    def vectors(self, sentences: Sequence[str]) -> np.ndarray:
        """Unit vectors `[n, dim]` of sentences, which are silently truncated at `max_length`."""
        texts = [self.manifest.prompt + sentence for sentence in sentences]
        length = self.manifest.max_length
        batch = self.tokenizer(texts, truncation=True, max_length=length, padding=True, return_tensors="pt")
        _, vectors = self(batch["input_ids"], batch["attention_mask"])
        return np.asarray(vectors)


def save_tokenizer(composed: ComposedLanguage, folder: Path) -> None:
    """Write the tokenizer's files, with a class name that every release of transformers knows."""
    composed.tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, settings | {"tokenizer_class": "PreTrainedTokenizerFast"})


def write_sentence_files(
    composed: ComposedLanguage, folder: Path, transformer: dict[str, Any], versions: dict[str, str]
) -> None:
    """Write the files that turn the folder of an export into a SentenceTransformer; see `write_sentence_folder`."""
    write_sentence_folder(
        folder,
        pooling=composed.manifest.pooling,
        prompt=composed.manifest.prompt,
        width=composed.backbone.config.hidden_size,
        dense=composed.head.dense,
        transformer=transformer,
        versions=versions,
    )


def write_card(folder: Path, card: str) -> None:
    """Write the card of an export."""
    (folder / "README.md").write_text(card, encoding="utf-8")


def counts_prompt_alike(composed: ComposedLanguage) -> bool:
    """Whether pooling in sentence-transformers leaves out the same prompt tokens as the encoder's, if any.

    It tokenizes the prompt alone, so a final space that becomes a token when nothing follows would count as one more.
    """
    manifest = composed.manifest
    alone, words = (composed.tokenizer(text)["input_ids"] for text in (manifest.prompt, manifest.prompt.rstrip()))
    return manifest.pooling != WITHOUT_PROMPT or len(alone) == len(words)


def probe_sentences(composed: ComposedLanguage) -> list[str]:
    """Random texts from the language's own tokens, of one token to more than `max_length`; the same at every call."""
    tokenizer, max_length = composed.tokenizer, composed.manifest.max_length
    special = set(tokenizer.all_special_ids)
    ids = np.array([number for number in range(len(tokenizer)) if number not in special])
    random = np.random.default_rng(0)
    lengths = [1, 2, 7, 19, max_length // 2, 2 * max_length] * _PROBES
    texts = [str(tokenizer.decode(random.choice(ids, length).tolist())).strip() for length in lengths]
    return [text for text in texts if text]


def check_vectors(
    composed: ComposedLanguage, encode: Callable[[list[str]], np.ndarray], what: str, tolerance: float = TOLERANCE
) -> float:
    """Compare an export's vectors with those of the language it was made from, for sentences together and one by one.

    Returns:
        The largest difference.

    Raises:
        AdaptersHubError: the difference is larger than `tolerance`.
    """
    sentences = probe_sentences(composed)
    alone = sentences[: len(sentences) // _PROBES]
    found = np.concatenate([encode(sentences), *(encode([sentence]) for sentence in alone)])
    expected = composed.vectors([*sentences, *alone])
    difference = float(np.abs(found - expected).max(initial=0.0))
    if not difference <= tolerance:  # also true for NaN
        raise AdaptersHubError(
            f"{what} was not written: its vectors differ by {difference:.1e} from the encoder's, expected at most "
            f"{tolerance:.0e}: report it with the base's architecture and the versions of torch and transformers"
        )
    return difference
