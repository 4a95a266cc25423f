"""The arguments and the result of `ModularEncoder.encode`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Required, TypedDict

import numpy as np
import torch

from adapters_hub.encoder.alignment import Align
from adapters_hub.encoder.tokens import Tokens
from adapters_hub.format import PromptName
from adapters_hub.texts import Empty, Texts

Sentences = str | Iterable[str]
LanguageChoice = str | Sequence[str | None] | None
"""The language of all sentences, or one per sentence."""


class EncodeOptions(TypedDict, total=False):
    """The options that do not change what kind of value `encode` returns."""

    align: Align
    prompt_name: PromptName | None
    batch_size: int | None
    normalize: bool
    truncate_dim: int | None
    max_length: int | None
    base_language: str | None
    empty: Empty
    show_progress: bool


class ForArray(EncodeOptions, total=False):
    """The options with which `encode` returns an array."""

    convert_to: Literal["numpy"]
    details: Literal[False]


class ForTensor(EncodeOptions, total=False):
    """The options with which `encode` returns a tensor."""

    convert_to: Required[Literal["tensor"]]
    details: Literal[False]


class ForDetails(EncodeOptions, total=False):
    """The options with which `encode` returns an `Encoded`."""

    convert_to: Literal["numpy", "tensor"]
    details: Required[Literal[True]]


@dataclass(frozen=True)
class Encoded:
    """Sentence vectors, and the parts of each sentence that its vector does not represent.

    Attributes:
        vectors: the vectors, as `encode` returns them.
        unknown: for each sentence, the letters, signs or words that the vocabulary of its language cannot represent;
            any others in their place would give the same vector.
        cut: for each sentence, whether it was cut because it has too many tokens.
        missing: the numbers of the sentences that are empty or missing (see `empty` of `encode`); their vectors are
            NaN.
    """

    vectors: np.ndarray | torch.Tensor
    unknown: list[tuple[str, ...]]
    cut: list[bool]
    missing: list[int]

    @classmethod
    def of(cls, vectors: np.ndarray | torch.Tensor, texts: Texts, tokens: Sequence[Tokens]) -> Encoded:
        """The result for texts, from the vectors of all of them and the tokens of those that are present."""
        read = dict(zip(texts.places, tokens, strict=True))
        found = [read.get(number) for number in range(texts.count)]
        return cls(
            vectors,
            [one.unknown if one else () for one in found],
            [bool(one and one.cut) for one in found],
            [number for number, one in enumerate(found) if one is None],
        )
