"""Base encoders: one frozen multilingual transformer that every language module is built on."""

from adapters_hub.base.architectures import ARCHITECTURES
from adapters_hub.base.fingerprint import fingerprint
from adapters_hub.base.language_tags import for_language, tag_of
from adapters_hub.base.loading import BaseEncoder, load_base
from adapters_hub.base.tokenizers import plain_tokenizer
from adapters_hub.base.writing import write_base

__all__ = [
    "ARCHITECTURES",
    "BaseEncoder",
    "fingerprint",
    "for_language",
    "load_base",
    "plain_tokenizer",
    "tag_of",
    "write_base",
]
