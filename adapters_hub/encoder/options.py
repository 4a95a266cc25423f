"""The arguments of `ModularEncoder.encode`, for its type annotations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Required, TypedDict

from adapters_hub.encoder.alignment import Align
from adapters_hub.format import PromptName
from adapters_hub.texts import Empty

Sentences = str | Iterable[str]
Spoken = str | Sequence[str | None] | None
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
