"""Modules in memory: language modules, alignment adapters, and the weights inside them."""

from adapters_hub.modules.alignment_adapter import AlignmentAdapter, save_alignment_adapter
from adapters_hub.modules.bottleneck import BottleneckConfig, Bottlenecks, ParallelBottleneck, blend
from adapters_hub.modules.language_module import LanguageModule, save_language_module, write_vocabulary
from adapters_hub.modules.loading import load_module
from adapters_hub.modules.lora import LoRA, stack_loras, write_lora
from adapters_hub.modules.tensors import halved, require_finite

__all__ = [
    "AlignmentAdapter",
    "BottleneckConfig",
    "Bottlenecks",
    "LanguageModule",
    "LoRA",
    "ParallelBottleneck",
    "blend",
    "halved",
    "load_module",
    "require_finite",
    "save_alignment_adapter",
    "save_language_module",
    "stack_loras",
    "write_lora",
    "write_vocabulary",
]
