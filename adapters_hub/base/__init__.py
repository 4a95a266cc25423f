"""Base encoders: one frozen multilingual transformer that every language module is built on."""

from adapters_hub.base.architectures import ARCHITECTURES, Architecture, architecture_for
from adapters_hub.base.fingerprint import fingerprint
from adapters_hub.base.language_tags import for_language, tag_of
from adapters_hub.base.loading import BaseEncoder, load_base
from adapters_hub.base.tokenizers import plain_tokenizer, read_composed
from adapters_hub.base.writing import write_base, write_tokenizer

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "BaseEncoder",
    "architecture_for",
    "fingerprint",
    "for_language",
    "load_base",
    "plain_tokenizer",
    "read_composed",
    "tag_of",
    "write_base",
    "write_tokenizer",
]
