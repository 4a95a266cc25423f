"""Modules as folders: language modules, alignment adapters, and the weights inside them."""

from adapters_hub.modules.alignment_adapter import OBJECTIVES, AlignmentAdapter, save_alignment_adapter
from adapters_hub.modules.bottleneck import BottleneckConfig, Bottlenecks, ParallelBottleneck, blend
from adapters_hub.modules.language_module import (
    ADAPTERS,
    LanguageModule,
    save_language_module,
    write_vocabulary,
)
from adapters_hub.modules.lora import LoRA, write_lora
from adapters_hub.modules.manifest import (
    AlignmentManifest,
    BaseReference,
    LanguageModuleManifest,
    read_kind,
    verify_files,
)

__all__ = [
    "ADAPTERS",
    "OBJECTIVES",
    "AlignmentAdapter",
    "AlignmentManifest",
    "BaseReference",
    "BottleneckConfig",
    "Bottlenecks",
    "LanguageModule",
    "LanguageModuleManifest",
    "LoRA",
    "ParallelBottleneck",
    "blend",
    "read_kind",
    "save_alignment_adapter",
    "save_language_module",
    "verify_files",
    "write_lora",
    "write_vocabulary",
]
