"""From token vectors to sentence vectors: pooling, followed by the base's dense layers if it has any."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import BaseEncoder
from adapters_hub.base.dense import DenseLayers
from adapters_hub.encoder.pooling import pool, prompt_length


class HasPooling(Protocol):
    """Anything with a prompt and a pooling: a base, or the manifest of a language module."""

    @property
    def prompt(self) -> str:
        """Text put before every sentence."""

    @property
    def pooling(self) -> str:
        """One of `POOLINGS`."""


class SentenceHead(nn.Module):
    """The layers after the transformer, shared by all code that makes sentence vectors.

    Args:
        pooling: one of `POOLINGS`.
        prompt_tokens: see `pool`.
        dense: the base's dense layers, `[batch, width]` to `[batch, dim]`; if None, the pooled vector is the sentence
            vector.
    """

    def __init__(self, pooling: str, prompt_tokens: int = 0, dense: DenseLayers | None = None) -> None:
        super().__init__()
        self.pooling = pooling
        self.prompt_tokens = prompt_tokens
        self.dense = dense

    @classmethod
    def of(
        cls,
        base: BaseEncoder,
        tokenizer: PreTrainedTokenizerFast,
        settings: HasPooling | None = None,
        prompt: str | None = None,
    ) -> SentenceHead:
        """The head of a base, or of a module on it.

        Args:
            base: the base encoder; its dense layers are used, not copied.
            tokenizer: tokenizer that determines how many tokens the prompt has.
            settings: the base or manifest whose prompt and pooling are used; by default the base.
            prompt: the prompt of queries or documents, instead of that of `settings`.
        """
        settings = settings or base
        return cls(
            settings.pooling, prompt_length(tokenizer, settings.prompt if prompt is None else prompt), base.dense
        )

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Sentence vectors `[batch, dim]`, float32, from token vectors `[batch, tokens, width]` and their mask."""
        pooled = pool(hidden, mask, self.pooling, self.prompt_tokens)
        vectors: torch.Tensor = pooled if self.dense is None else self.dense(pooled)
        return vectors
