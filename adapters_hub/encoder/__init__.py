"""The encoder that is composed of a base and modules."""

from adapters_hub.encoder.composition import Composition, module_tokenizer
from adapters_hub.encoder.extract import Extract
from adapters_hub.encoder.modular_encoder import ModularEncoder
from adapters_hub.encoder.passes import pad, split_passes
from adapters_hub.encoder.pooling import SentenceHead, pool, prompt_length
from adapters_hub.encoder.precision import has_fast_bfloat16, resolve_precision

__all__ = [
    "Composition",
    "Extract",
    "ModularEncoder",
    "SentenceHead",
    "has_fast_bfloat16",
    "module_tokenizer",
    "pad",
    "pool",
    "prompt_length",
    "resolve_precision",
    "split_passes",
]
