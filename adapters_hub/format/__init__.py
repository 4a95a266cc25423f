"""What a module is on disk: its manifest, its files, its scores."""

from adapters_hub.format.integrity import (
    CARD,
    check_files,
    check_manifest,
    check_safetensors_header,
    check_size,
    could_run,
    list_files,
    refuse_what_could_run,
    verify_folder,
)
from adapters_hub.format.kinds import (
    OBJECTIVES,
    POOLINGS,
    ROLES,
    WITHOUT_PROMPT,
    AlignmentManifest,
    LanguageModuleManifest,
    PromptName,
    read_kind,
    read_manifest,
    scores_of,
)
from adapters_hub.format.layout import (
    ADAPTER_FILES,
    ADAPTERS,
    EMBEDDINGS_FILE,
    FILE_NAME,
    MODULE_FILES,
    TOKENIZER_FILES,
)
from adapters_hub.format.manifest import MAX_BYTES, BaseReference, Manifest, ModuleFile
from adapters_hub.format.scores import Score, read_scores

__all__ = [
    "ADAPTERS",
    "ADAPTER_FILES",
    "CARD",
    "EMBEDDINGS_FILE",
    "FILE_NAME",
    "MAX_BYTES",
    "MODULE_FILES",
    "OBJECTIVES",
    "POOLINGS",
    "ROLES",
    "TOKENIZER_FILES",
    "WITHOUT_PROMPT",
    "AlignmentManifest",
    "BaseReference",
    "LanguageModuleManifest",
    "Manifest",
    "ModuleFile",
    "PromptName",
    "Score",
    "check_files",
    "check_manifest",
    "check_safetensors_header",
    "check_size",
    "could_run",
    "list_files",
    "read_kind",
    "read_manifest",
    "read_scores",
    "refuse_what_could_run",
    "scores_of",
    "verify_folder",
]
