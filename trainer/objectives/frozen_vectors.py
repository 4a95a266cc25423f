"""Vectors of frozen encoders, stored on disk: each text is encoded once for all languages, objectives and runs.

A pivot or teacher is frozen, so its vectors are constants. It is not part of the trained model, where dropout or an
optimizer could affect it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import PartialState

from adapters_hub import BaseEncoder, ModularEncoder
from adapters_hub.vector_store import VectorStore, default_root
from trainer.training.machines import writes_to

logger = logging.getLogger(__name__)

_CHUNK = 20_000
"""Number of texts that are encoded and written together; a killed run loses at most these."""


@dataclass(frozen=True)
class FrozenEncoder:
    """A frozen encoder and everything that its vectors depend on.

    Attributes:
        name: its name in the log.
        identity: everything that its vectors depend on; the encoder's fingerprint comes first.
        encode: function from texts to unit vectors `[n, dim]`.
        facts: its description for manifest and card.
    """

    name: str
    identity: tuple[str, ...]
    encode: Callable[[list[str]], np.ndarray]
    facts: dict[str, Any] = field(default_factory=dict)

    def vectors(self, texts: Iterable[str], root: Path | None = None) -> VectorStore:
        """The vectors of texts from a store on disk.

        One process per disk encodes the texts that are missing there; the others wait. Empty texts are left out.

        Args:
            texts: texts, also empty ones.
            root: folder for the stores of all encoders; by default the one in the project's cache folder.
        """
        root = root or default_root()
        store = VectorStore(self.identity, root)
        if writes_to(root):
            missing = store.missing(text for text in texts if text.strip())
            if missing:
                logger.info("%s: encoding %d sentences", self.name, len(missing))
            for start in range(0, len(missing), _CHUNK):
                chunk = missing[start : start + _CHUNK]
                store.add(chunk, self.encode(chunk))
        PartialState().wait_for_everyone()
        store.refresh()
        return store


def modular_copy(base: BaseEncoder) -> ModularEncoder:
    """An encoder on a copy of the base, for a pivot or a teacher; in bfloat16 if training uses bfloat16."""
    half = os.environ.get("ACCELERATE_MIXED_PRECISION") == "bf16"
    return ModularEncoder(base.copy(), dtype="bfloat16" if half else "float32")


def frozen_language(
    encoder: ModularEncoder, language: str | None, max_length: int, base_language: str | None = None
) -> FrozenEncoder:
    """A frozen encoder for one language of a modular encoder, or for its untouched base.

    Args:
        encoder: an encoder that has the language.
        language: ISO 639-3; None for the base.
        max_length: number of tokens after which texts are cut, the same as on the trained side.
        base_language: language of the texts that the base encodes; see `ModularEncoder.encode`.
    """
    max_length = min(max_length, encoder.base.max_positions)

    def encode(texts: list[str]) -> np.ndarray:
        return encoder.encode(
            texts, language, base_language=base_language, max_length=max_length, show_progress=len(texts) > 1000
        )

    fingerprints = encoder.fingerprints(language, base_language=base_language)
    return FrozenEncoder(
        name=language or f"the base {encoder.base.source}",
        identity=(*fingerprints, str(encoder.dtype), str(max_length)),
        encode=encode,
    )


class Together:
    """Vectors of several frozen encoders, concatenated so that their similarities are the mean of the encoders'.

    Args:
        several: vectors of unit length.
    """

    def __init__(self, several: list[VectorStore]) -> None:
        self._several = several

    def __getitem__(self, keys: np.ndarray) -> np.ndarray:
        """Keys `[n]` to unit vectors `[n, sum of the dims]`, float32."""
        together: np.ndarray = np.concatenate([vectors[keys] for vectors in self._several], axis=1)
        return together / np.float32(np.sqrt(len(self._several)))
