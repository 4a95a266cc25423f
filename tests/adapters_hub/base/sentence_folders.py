"""Tiny SentenceTransformers, saved by the library itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize, Transformer
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.sentence_transformer.modules import Pooling


def write_sentence_transformer(
    base: Path,
    folder: Path,
    *,
    pooling: str = "mean",
    dense: Sequence[int] = (),
    activation: torch.nn.Module | None = None,
    include_prompt: bool = True,
    prompts: dict[str, str] | None = None,
    default_prompt_name: str | None = None,
    max_seq_length: int = 24,
    normalize: bool = True,
) -> SentenceTransformer:
    """Save a SentenceTransformer around a tiny base into a folder, and load it from there."""
    transformer = Transformer(str(base), max_seq_length=max_seq_length)
    width = transformer.get_embedding_dimension()
    modules: list[Any] = [transformer, Pooling(width, pooling_mode=pooling, include_prompt=include_prompt)]
    torch.manual_seed(3)
    for size in dense:
        modules.append(Dense(width, size, activation_function=activation or torch.nn.Tanh()))
        width = size
    if normalize:
        modules.append(Normalize())
    made = SentenceTransformer(modules=modules, prompts=prompts, default_prompt_name=default_prompt_name, device="cpu")
    made.save(str(folder), create_model_card=False)
    return SentenceTransformer(str(folder), device="cpu")
