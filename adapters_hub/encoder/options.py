"""The options of `ModularEncoder.encode`, for its type annotations."""

from __future__ import annotations

from typing import TypedDict

from adapters_hub.encoder.alignment import Align
from adapters_hub.format import PromptName
from adapters_hub.texts import Empty


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
