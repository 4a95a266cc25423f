"""Build the vocabulary of a language with one of the three strategies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import BaseEncoder, for_language
from adapters_hub.format import LanguageModuleManifest
from adapters_hub.modules import halved, write_vocabulary
from trainer.data.rules import Rules
from trainer.settings import DataSource, Recipe, VocabularySettings
from trainer.vocabulary.auxiliary import auxiliary_vectors
from trainer.vocabulary.characters import Characters
from trainer.vocabulary.focus import focus
from trainer.vocabulary.prompts import check_prompts
from trainer.vocabulary.rewriting import rewriting
from trainer.vocabulary.training import train_tokenizer
from trainer.vocabulary.trim import always_kept, count_tokens, trim_tokenizer

_TEXTS = 1000  # enough to estimate the number of tokens per word
_OUTPUT_BIAS = "output_bias.safetensors"


@dataclass
class Vocabulary:
    """A tokenizer with the initial embeddings and output bias of its tokens.

    Attributes:
        tokenizer: the language's tokenizer.
        embeddings: `[vocabulary, dim]`, float32.
        output_bias: `[vocabulary]`, the output bias of the base's MLM head for these tokens; None if the base has none.
        facts: strategy, size and counts, for the manifest.
    """

    tokenizer: PreTrainedTokenizerFast
    embeddings: torch.Tensor
    output_bias: torch.Tensor | None
    facts: dict[str, Any]

    def write(self, folder: Path, language: str, trained: bool) -> None:
        """Write what differs from the base's vocabulary, for a module of a language.

        Args:
            folder: an existing folder.
            language: ISO 639-3.
            trained: whether the embeddings will be trained, and so become the module's own.
        """
        tokenizer = for_language(self.tokenizer, language)
        if trained or self.facts["strategy"] != "keep":
            # Modules store half precision; rounding here makes training start from the values that a module holds.
            write_vocabulary(folder, tokenizer, halved({"weight": self.embeddings})["weight"])
        elif "rewriting_rules" in self.facts:
            write_vocabulary(folder, tokenizer, None)
        if self.output_bias is not None:
            save_file({"bias": self.output_bias.contiguous()}, folder / _OUTPUT_BIAS)


def read_output_bias(folder: Path) -> torch.Tensor | None:
    """The output bias that `Vocabulary.write` wrote; None if there is none."""
    path = folder / _OUTPUT_BIAS
    return load_file(path)["bias"] if path.is_file() else None


def vocabulary_text(recipe: Recipe) -> DataSource:
    """The text on which a vocabulary is built: its own, or that of the language adaptation."""
    return recipe.vocabulary.data if recipe.vocabulary.data.path else recipe.la.data


def build_vocabulary(
    base: BaseEncoder,
    settings: VocabularySettings,
    language: str,
    data: Dataset | None,
    output_bias: torch.Tensor | None,
    seed: int,
    *,
    prompts: Sequence[str],
    rules: Rules = (),
) -> Vocabulary:
    """Build the tokenizer and the initial embeddings of a language.

    Args:
        base: the base encoder.
        settings: strategy and sizes.
        language: ISO 639-3; decides which letters are always kept.
        data: text of the language, in the column `text`; `keep` needs none.
        output_bias: `[base vocabulary]`, the output bias of the base's MLM head.
        seed: the recipe's seed.
        prompts: the prompts put before sentences; the tokenizer must split them as the base's does.
        rules: from `read_rules`; the tokenizer applies them first, but not to the prompts.

    Raises:
        SettingsError: the size is too small, or the tokenizer cannot split a prompt as the base's does.
    """
    source = rewriting(base.tokenizer, rules, prompts)
    embeddings = base.token_embeddings.weight.detach()
    facts: dict[str, Any] = {"strategy": settings.strategy}
    if settings.strategy == "keep":
        tokenizer, bias = source, output_bias
    else:
        assert data is not None
        characters = Characters(language)
        if settings.strategy == "trim":
            counts = count_tokens(source, data, prompts)
            always = always_kept(source, characters, prompts)
            tokenizer, kept = trim_tokenizer(source, counts, settings.size, always)
            rows = torch.from_numpy(kept)
            embeddings, bias = embeddings[rows].clone(), None if output_bias is None else output_bias[rows]
            facts["seen_in_text"] = int((counts[kept] > 0).sum())
        else:
            tokenizer = train_tokenizer(
                source,
                data,
                settings.size,
                characters=characters,
                prompts=prompts,
                sample=settings.sample,
                seed=seed,
            )
            auxiliary = auxiliary_vectors(tokenizer, data, settings)
            # The output bias is an extra column, so that it is transferred in the same way as the embeddings.
            rows_of_base = embeddings if output_bias is None else torch.cat([embeddings, output_bias[:, None]], dim=1)
            moved, counts_by_kind = focus(
                base.tokenizer.get_vocab(), rows_of_base, tokenizer.get_vocab(), auxiliary, seed
            )
            embeddings = moved[:, : base.width].contiguous()
            bias = None if output_bias is None else moved[:, -1].contiguous()
            facts |= counts_by_kind
    check_prompts(base.tokenizer, tokenizer, prompts, data[:_TEXTS]["text"] if data is not None else ())
    facts["size"] = len(tokenizer)
    if rules:
        facts["rewriting_rules"] = len(rules)
    if data is not None:
        facts["tokens_per_word"] = _tokens_per_word(data, tokenizer, base.tokenizer)
    return Vocabulary(tokenizer, embeddings, bias, facts)


def _tokens_per_word(
    data: Dataset, tokenizer: PreTrainedTokenizerFast, base: PreTrainedTokenizerFast
) -> dict[str, float]:
    """Tokens per space-separated word for both tokenizers, measured on some of the text."""
    texts = data[:_TEXTS]["text"]
    words = sum(len(text.split()) for text in texts)

    def count(by: PreTrainedTokenizerFast) -> float:
        encodings = by.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
        return round(sum(len(encoding.ids) for encoding in encodings) / max(words, 1), 3)

    return {"texts": len(texts), "module": count(tokenizer), "base": count(base)}


def has_base_embeddings(manifest: LanguageModuleManifest) -> bool:
    """Whether all tokens of a language module are tokens of the base and have the base's embeddings."""
    adapted = manifest.training.get("settings", {}).get("la", {}).get("train_embeddings", False)
    taken_over = manifest.training.get("phases", {}).get("start_from", {}).get("base_embeddings", True)
    return manifest.vocabulary.get("strategy", "keep") != "focus" and not adapted and taken_over
