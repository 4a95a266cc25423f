"""From token vectors to one vector per sentence: pooling, followed by the base's dense layers if it has any."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import BaseEncoder
from adapters_hub.base.dense import DenseLayers
from adapters_hub.format import POOLINGS, WITHOUT_PROMPT, LanguageModuleManifest


def pool(hidden: torch.Tensor, mask: torch.Tensor, how: str, prompt_tokens: int = 0) -> torch.Tensor:
    """Pool token vectors, always in float32.

    Args:
        hidden: `[batch, tokens, dim]`.
        mask: `[batch, tokens]`, 1 for a token and 0 for padding.
        how: `mean` over all tokens, `mean_without_prompt` over those after the prompt, `cls` for the first token, or
            `last` for the last one. Padding may be on either side.
        prompt_tokens: number of tokens at the start that `mean_without_prompt` leaves out, see `prompt_length`. If a
            sequence has no other tokens, none are left out.

    Returns:
        `[batch, dim]`, float32.
    """
    hidden = hidden.float()
    if how not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, not {how!r}")
    if how in ("cls", "last"):
        places = torch.arange(mask.shape[1], 0, -1, device=mask.device)  # the first place has the greatest number
        chosen = (mask * (places if how == "cls" else places.flip(0))).argmax(1)
        return hidden.gather(1, chosen[:, None, None].expand(-1, -1, hidden.shape[2])).squeeze(1)
    if how == WITHOUT_PROMPT and prompt_tokens:
        rest = mask * (mask.cumsum(1) > prompt_tokens)
        mask = torch.where(rest.any(1, keepdim=True), rest, mask)
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)


def prompt_length(tokenizer: PreTrainedTokenizerFast, prompt: str) -> int:
    """Number of tokens at the start of every sequence that belong to the prompt, with special tokens before it.

    The prompt should end with a space, so that its last token never depends on the sentence. This space itself does not
    count, because tokenizers make it part of the next word's first token.
    """
    if not (words := prompt.rstrip()):
        return 0
    # Use the backend: calling the tokenizer itself would change its truncation for other threads.
    special = tokenizer.backend_tokenizer.encode(words).special_tokens_mask
    return max((place + 1 for place, is_special in enumerate(special) if not is_special), default=0)


class SentenceHead(nn.Module):
    """Pooling, then the base's `dense` layers, if there are any; shared by all code that makes sentence vectors."""

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
        settings: BaseEncoder | LanguageModuleManifest | None = None,
        prompt: str | None = None,
    ) -> SentenceHead:
        """The head of a base, or of the module with the manifest `settings`; a `prompt` replaces that of `settings`."""
        settings = settings or base
        return cls(
            settings.pooling, prompt_length(tokenizer, settings.prompt if prompt is None else prompt), base.dense
        )

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Sentence vectors `[batch, dim]`, float32, from token vectors `[batch, tokens, width]` and their mask."""
        pooled = pool(hidden, mask, self.pooling, self.prompt_tokens)
        vectors: torch.Tensor = pooled if self.dense is None else self.dense(pooled)
        return vectors
