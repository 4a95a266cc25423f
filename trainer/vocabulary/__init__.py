"""Vocabularies of a language: `focus` (its own), `trim` (its part of the base's), `keep` (the base's)."""

from trainer.vocabulary.build import Vocabulary, build_vocabulary, has_base_embeddings
from trainer.vocabulary.focus import auxiliary_vectors, focus, sparsemax
from trainer.vocabulary.rewriting import read_rules, rewriting
from trainer.vocabulary.training import train_tokenizer
from trainer.vocabulary.trim import count_tokens, trim_tokenizer

__all__ = [
    "Vocabulary",
    "auxiliary_vectors",
    "build_vocabulary",
    "count_tokens",
    "focus",
    "has_base_embeddings",
    "read_rules",
    "rewriting",
    "sparsemax",
    "train_tokenizer",
    "trim_tokenizer",
]
