"""Models and trainers of the phases on tiny bases, built as the stages build them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from peft import inject_adapter_in_model
from torch import nn
from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer, TrainingArguments, set_seed

from adapters_hub import BaseEncoder, LanguageModule
from adapters_hub.encoder import Composition, SentenceHead
from adapters_hub.format import LanguageModuleManifest
from adapters_hub.modules import BottleneckConfig, Bottlenecks, LoRA
from tests.conftest import build_tokenizer, sample_sentences
from trainer.data.batches import tokenize
from trainer.objectives import ALIGNMENT, ROLES, ObjectiveCollator, ObjectiveTrainer, columns_of
from trainer.objectives.parts import frozen_columns
from trainer.runs.records import base_reference
from trainer.training.arguments import training_arguments
from trainer.training.embedding_trainer import SentenceModel
from trainer.training.language_adaptation import (
    LanguageAdaptationTrainer,
    MaskedLanguageModel,
    mlm_head,
    pretrained_output_bias,
)
from trainer.training.low_rank import lora_config
from trainer.training.masking import MaskingCollator
from trainer.training.steps import rows_in_order

SEED = 42
GERMAN, KAZAKH = sample_sentences("deu")[:40], sample_sentences("kaz")[:40]
DICTIONARY = dict(zip(GERMAN, KAZAKH, strict=True))
"""The pairs that `write_translator` teaches."""


def arguments(folder: Path, phase: str, training: dict[str, Any]) -> TrainingArguments:
    """Arguments for a few steps on the CPU without warm-up, unless `training` says otherwise; seeds like the stages."""
    few = {
        "use_cpu": True,
        "max_steps": 3,
        "per_device_train_batch_size": 8,
        "warmup_steps": 0,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
    }
    set_seed(SEED)
    return training_arguments(phase, few | training, folder, SEED)


def random_lora(base: BaseEncoder, seed: int) -> LoRA:
    """A LoRA of rank 2 on every dense layer, with values that change the output."""
    random = torch.Generator().manual_seed(seed)
    factors = {
        name: (
            torch.randn(2, layer.in_features, generator=random) * 0.1,
            torch.randn(layer.out_features, 2, generator=random) * 0.1,
        )
        for name, layer in base.backbone.named_modules()
        if isinstance(layer, nn.Linear) and re.fullmatch(base.architecture.lora_targets, name)
    }
    return LoRA(factors, scaling=1.0)


def language_module(
    base: BaseEncoder, folder: Path, language: str = "deu", loras: Sequence[str] = ()
) -> LanguageModule:
    """A module with the base's tokenizer, its own embeddings and random LoRAs."""
    random = torch.Generator().manual_seed(len(language) + ord(language[0]))
    weight = base.token_embeddings.weight.detach()
    manifest = LanguageModuleManifest(language=language, base=base_reference(base), dimension=base.dimension)
    return LanguageModule(
        manifest,
        base.tokenizer,
        (weight + torch.randn(weight.shape, generator=random) * 0.1).half(),
        {name: random_lora(base, seed) for seed, name in enumerate(loras)},
        folder,
    )


def without_dropout(model: nn.Module) -> None:
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0


def pairs(language: str, names: Sequence[str], hard_negatives: bool = False) -> Dataset:
    """Sentences and their paraphrases; if negatives are on, every third row has a hard negative."""
    texts = sample_sentences(language)[:128]
    anchors, positives = texts[::2], texts[1::2]
    negatives = [positives[row - 5] if hard_negatives and row % 3 == 0 else "" for row in range(len(anchors))]
    return Dataset.from_dict(dict(zip(names, (anchors, positives, negatives), strict=True)))


def adaptation_trainer(
    base: BaseEncoder, folder: Path, *, dropout: bool = True, train_embeddings: bool = True, **training: Any
) -> LanguageAdaptationTrainer:
    """A trainer for language adaptation of German."""
    working = base.copy()
    Composition(working).activate(language_module(base, folder))
    text = Dataset.from_dict({"text": sample_sentences("deu")[:128]})
    encoded = tokenize(text, ["text"], base.tokenizer, "", 32, "deu text")
    made = arguments(folder, "la", training)
    rows, order = rows_in_order([encoded], made, SEED)
    inject_adapter_in_model(lora_config(base, 4, 8, 0.1), working.backbone, adapter_name="lang_deu")
    working.token_embeddings.weight.requires_grad_(train_embeddings)
    head = mlm_head(working, working.token_embeddings.num_embeddings, pretrained_output_bias(working))
    model = MaskedLanguageModel(working.backbone, working.token_embeddings, head)
    if not dropout:
        without_dropout(model)
    return LanguageAdaptationTrainer(model, made, rows, order, MaskingCollator(base.tokenizer, 0.15, SEED, 256))


def encoding_trainer(
    base: BaseEncoder,
    folder: Path,
    *,
    dropout: bool = True,
    gradient_cache: bool = False,
    tokens: int = 256,
    **training: Any,
) -> ObjectiveTrainer:
    """A trainer for sentence encoding of German, on top of a language LoRA."""
    working = base.copy()
    Composition(working).activate(language_module(base, folder, loras=["language_adapter"]))
    encoded = tokenize(pairs("deu", ROLES, hard_negatives=True), ROLES, base.tokenizer, "", 32, "deu pairs")
    made = arguments(folder, "se", training)
    rows, order = rows_in_order([encoded], made, SEED)
    inject_adapter_in_model(lora_config(base, 4, 8, 0.1), working.backbone, adapter_name="sent_deu")
    model = SentenceModel(working.backbone, SentenceHead(base.pooling))
    if not dropout:
        without_dropout(model)
    kinds = ["contrastive"]
    collator = ObjectiveCollator(kinds, [("deu",)], base.tokenizer.pad_token_id, SEED, "eng", tokens)
    return ObjectiveTrainer(model, made, rows, order, collator, kinds=kinds, scale=20.0, gradient_cache=gradient_cache)


def cross_lingual(kind: str, languages: Sequence[str], rows: int = 64) -> Dataset:
    """Rows of a kind, pivot first; every third has a hard negative in each language if the kind allows them."""
    if kind != "paraphrase":
        return Dataset.from_dict(
            {"pivot": pairs(languages[0], ROLES)["anchor"], "target": pairs(languages[1], ROLES)["anchor"]}
        )
    columns = {
        f"{language}_{role}": texts
        for language in languages
        for role, texts in pairs(language, ROLES, hard_negatives=True).to_dict().items()
    }
    return Dataset.from_dict(columns).select(range(rows))


def fine_tuning_trainer(
    base: BaseEncoder,
    folder: Path,
    *,
    kinds: Sequence[str] = ("contrastive", "parallel"),
    rows: Sequence[int] = (64, 64, 64),
    dropout: bool = True,
    gradient_cache: bool = False,
    **training: Any,
) -> ObjectiveTrainer:
    """A trainer for full fine-tuning with both sides trained; the first part is German, the rest Kazakh, Turkish, …"""
    working = base.copy()
    languages = [
        (code,) if kind == "contrastive" else ("eng", code)
        for kind, code in zip(kinds, ("deu", "kaz", "tur"), strict=False)
    ]
    parts = []
    for kind, codes, count in zip(kinds, languages, rows, strict=False):
        data = pairs(codes[0], ROLES, True) if kind == "contrastive" else cross_lingual(kind, codes)
        columns = columns_of(kind, codes)
        parts.append(tokenize(data.select(range(count)), columns, base.tokenizer, "", 32, f"{codes} pairs"))
    made = arguments(folder, "se", training)
    numbered, order = rows_in_order(parts, made, SEED)
    working.backbone.requires_grad_(True)
    model = SentenceModel(working.backbone, SentenceHead(base.pooling))
    if not dropout:
        without_dropout(model)
    collator = ObjectiveCollator(kinds, languages, base.tokenizer.pad_token_id, SEED, None, 256)
    return ObjectiveTrainer(
        model, made, numbered, order, collator, kinds=kinds, scale=20.0, gradient_cache=gradient_cache
    )


class RandomVectors:
    """A frozen encoder that gives every text its own unit vector, drawn from the text's key."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def __getitem__(self, keys: np.ndarray) -> np.ndarray:
        drawn = np.stack([np.random.default_rng(abs(int(key))).normal(size=self.dim) for key in keys])
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def alignment_trainer(
    base: BaseEncoder,
    folder: Path,
    *,
    objective: str = "both",
    dropout: bool = True,
    gradient_cache: bool = False,
    pivots: Any = None,
    **training: Any,
) -> ObjectiveTrainer:
    """A trainer for alignment of German to English; English vectors are random, or come from `pivots`."""
    working = base.copy()
    module = language_module(base, folder, loras=["language_adapter", "sentence_adapter"])
    Composition(working).activate(module)
    kinds, languages = ALIGNMENT[objective], ("eng", "deu")
    parts = []
    for kind in kinds:
        frozen = frozen_columns(kind, languages, "eng")
        columns = [column for column in columns_of(kind, languages) if column not in frozen]
        parts.append(tokenize(cross_lingual(kind, languages), columns, base.tokenizer, "", 32, kind, only_keys=frozen))
    made = arguments(folder, "cla", training)
    rows, order = rows_in_order(parts, made, SEED)
    layers = len(working.backbone.get_submodule(base.architecture.blocks))  # type: ignore[arg-type]
    bottlenecks = Bottlenecks(BottleneckConfig(base.width, layers))
    bottlenecks.attach(working.backbone, base.architecture)
    model = SentenceModel(working.backbone, SentenceHead(base.pooling), extra=bottlenecks)
    if not dropout:
        without_dropout(model)
    collator = ObjectiveCollator(kinds, [languages] * len(kinds), base.tokenizer.pad_token_id, SEED, "eng", 256)
    return ObjectiveTrainer(
        model,
        made,
        rows,
        order,
        collator,
        kinds=kinds,
        pivots=pivots or RandomVectors(base.dimension),
        scale=20.0,
        gradient_cache=gradient_cache,
    )


def tiny_translator(vocabulary: int, seed: int = 0) -> M2M100ForConditionalGeneration:
    """A sequence-to-sequence model with random weights."""
    torch.manual_seed(seed)
    config = M2M100Config(
        vocab_size=vocabulary,
        d_model=64,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        dropout=0.0,
        attention_dropout=0.0,
        init_std=0.1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=2,
        tie_word_embeddings=True,
    )
    return M2M100ForConditionalGeneration(config)


def write_translator(folder: Path) -> Path:
    """A model like NLLB that has learnt to translate `DICTIONARY`."""
    pieces = json.loads(build_tokenizer("bpe", 600).backend_tokenizer.to_str())["model"]
    tokenizer = NllbTokenizer(
        vocab=pieces["vocab"],
        merges=[tuple(pair) for pair in pieces["merges"]],
        extra_special_tokens=["deu_Latn", "kaz_Cyrl"],
        src_lang="deu_Latn",
        tgt_lang="kaz_Cyrl",
    )
    tokenizer.save_pretrained(folder)
    network = tiny_translator(len(tokenizer))
    batch = tokenizer(GERMAN, padding=True, return_tensors="pt")
    labels = tokenizer(text_target=KAZAKH, padding=True, return_tensors="pt")["input_ids"]
    labels[labels == tokenizer.pad_token_id] = -100
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for _ in range(100):
        network(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    network.save_pretrained(folder)
    return folder
