"""The encoder composed of modules."""

from adapters_hub.encoder.composition import Composition, module_tokenizer
from adapters_hub.encoder.modular_encoder import ModularEncoder
from adapters_hub.encoder.pooling import pool

__all__ = ["Composition", "ModularEncoder", "module_tokenizer", "pool"]
