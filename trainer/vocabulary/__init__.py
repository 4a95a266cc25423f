"""A language's vocabulary: a new one (`focus`), the part of the base's that it uses (`trim`), or all of it (`keep`)."""

from trainer.vocabulary.auxiliary import auxiliary_vectors
from trainer.vocabulary.build import (
    Vocabulary,
    build_vocabulary,
    has_base_embeddings,
    read_output_bias,
    vocabulary_text,
)
from trainer.vocabulary.characters import Characters
from trainer.vocabulary.focus import focus, sparsemax
from trainer.vocabulary.prompts import check_prompts
from trainer.vocabulary.rewriting import rewriting
from trainer.vocabulary.training import train_tokenizer
from trainer.vocabulary.trim import always_kept, count_tokens, trim_tokenizer

__all__ = [
    "Characters",
    "Vocabulary",
    "always_kept",
    "auxiliary_vectors",
    "build_vocabulary",
    "check_prompts",
    "count_tokens",
    "focus",
    "has_base_embeddings",
    "read_output_bias",
    "rewriting",
    "sparsemax",
    "train_tokenizer",
    "trim_tokenizer",
    "vocabulary_text",
]
