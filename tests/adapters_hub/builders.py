"""Builds modules as the stages do, but with random weights instead of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.functional import get_peft_model_state_dict
from transformers import PreTrainedTokenizerFast

from adapters_hub import AlignmentAdapter, BaseEncoder, LanguageModule
from adapters_hub.format import ADAPTERS, AlignmentManifest, BaseReference, LanguageModuleManifest
from adapters_hub.modules import (
    BottleneckConfig,
    Bottlenecks,
    save_alignment_adapter,
    save_language_module,
    write_lora,
    write_vocabulary,
)

Target = tuple[str, LanguageModule, LanguageModule]
"""An adapter's objective, the module that it was trained on, and the pivot's module."""

SCORE: dict[str, Any] = {
    "task": "sentence-similarity",
    "benchmark": "graded pairs",
    "dataset": "org/graded",
    "split": "test",
    "languages": ["deu"],
    "metric": "spearman",
    "value": 81.5,
    "encoder": "modules",
}
"""A record of figures for a manifest."""


def write_random_lora(base: BaseEncoder, folder: Path, name: str, seed: int, **options: Any) -> Path:
    """Inject a LoRA, give it random factors instead of training it, and write it as stage 1 does."""
    torch.manual_seed(seed)
    backbone = base.copy().backbone
    config = LoraConfig(r=4, lora_alpha=8, target_modules=base.architecture.lora_targets, **options)
    inject_adapter_in_model(config, backbone, adapter_name=name)
    with torch.no_grad():
        for parameter_name, parameter in backbone.named_parameters():
            if f"lora_B.{name}" in parameter_name:
                torch.nn.init.normal_(parameter, std=0.2)
    write_lora(folder, config, get_peft_model_state_dict(backbone, adapter_name=name, save_embedding_layers=False))
    return folder


def language_parts(
    base: BaseEncoder, folder: Path, language: str, seed: int, tokenizer: PreTrainedTokenizerFast | None = None
) -> dict[str, Path]:
    """The parts of a language module in separate folders; without a tokenizer it keeps the base's vocabulary."""
    parts = {
        name: write_random_lora(base, folder / name, f"{role}_{language}", seed + number)
        for number, (name, role) in enumerate(zip(ADAPTERS, ("lang", "sent"), strict=True))
    }
    if tokenizer is not None:
        embeddings = torch.randn(len(tokenizer), base.width, generator=torch.Generator().manual_seed(seed))
        write_vocabulary(folder / "vocabulary", tokenizer, (embeddings * 0.1).to(torch.float16))
        parts["vocabulary"] = folder / "vocabulary"
    return parts


def language_manifest(
    base: BaseEncoder, language: str, *, vocabulary_fingerprint: str | None = None, **changes: Any
) -> LanguageModuleManifest:
    """The manifest that stage 1 writes for a module of this base."""
    values: dict[str, Any] = {
        "base": BaseReference(base.source, base.revision, base.fingerprint, None, vocabulary_fingerprint),
        "pooling": base.pooling,
        "prompt": base.prompt,
        "max_length": 64,
        "dimension": base.dimension,
    }
    return LanguageModuleManifest(language=language, **(values | changes))


def make_language(
    base: BaseEncoder,
    target: Path,
    language: str,
    seed: int,
    tokenizer: PreTrainedTokenizerFast | None = None,
    **changes: Any,
) -> LanguageModule:
    """Save a language module at `target`."""
    parts = language_parts(base, target.with_name(f"{target.name}-parts"), language, seed, tokenizer)
    changes = {"vocabulary_fingerprint": base.vocabulary_fingerprint(parts)} | changes
    return save_language_module(target, language_manifest(base, language, **changes), parts)


def random_bottlenecks(base: BaseEncoder, seed: int, **options: Any) -> Bottlenecks:
    """Bottlenecks for every block of the base, with random weights in place of trained ones."""
    torch.manual_seed(seed)
    blocks = cast(torch.nn.ModuleList, base.backbone.get_submodule(base.architecture.blocks))
    bottlenecks = Bottlenecks(BottleneckConfig(hidden_size=base.width, num_layers=len(blocks), **options))
    for parameter in bottlenecks.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return bottlenecks.requires_grad_(False).eval()


def make_adapter(
    base: BaseEncoder, target: Path, trained: Target, seed: int, bottlenecks: Bottlenecks | None = None
) -> AlignmentAdapter:
    """Save an alignment adapter at `target`."""
    objective, module, pivot = trained
    manifest = AlignmentManifest(
        language=module.language,
        base=BaseReference(base.source, base.revision, base.fingerprint),
        pivot=pivot.language,
        objective=objective,
        pivot_fingerprint=pivot.manifest.fingerprint,
        target_fingerprint=module.manifest.fingerprint,
    )
    return save_alignment_adapter(target, manifest, bottlenecks or random_bottlenecks(base, seed))


def edit_json(path: Path, **changes: Any) -> None:
    """Overwrite some values of a JSON file."""
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(values | changes), encoding="utf-8")
