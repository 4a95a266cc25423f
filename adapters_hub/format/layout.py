"""The files that a module consists of."""

from __future__ import annotations

FILE_NAME = "module.json"
EMBEDDINGS_FILE = "embeddings.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
ADAPTERS = ("language_adapter", "sentence_adapter")
"""The LoRA folders of a language module, in the order they are trained."""
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
"""The files of a LoRA folder, and of an alignment adapter."""

MODULE_FILES = frozenset(
    [
        *(FILE_NAME, *TOKENIZER_FILES, EMBEDDINGS_FILE, *ADAPTER_FILES),
        *(f"{adapter}/{file}" for adapter in ADAPTERS for file in ADAPTER_FILES),
    ]
)
"""Every file that a module of either kind may consist of."""
