"""Auxiliary token vectors, with which FOCUS measures the similarity of tokens: fastText trained on tokenized text."""

from __future__ import annotations

import tempfile
from pathlib import Path

import fasttext
import numpy as np
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from trainer.settings import VocabularySettings

_NEGATIVES = 10


def auxiliary_vectors(tokenizer: PreTrainedTokenizerFast, data: Dataset, settings: VocabularySettings) -> np.ndarray:
    """FastText vectors of all tokens, trained on the tokenized column `text`.

    The settings are those of the FOCUS authors' package (deepfocus 1.0): continuous bag of words, which is closer to
    masked language modelling than skip-gram, 10 negatives, character n-grams of length 3 to 6, and fastText's own seed.

    Args:
        tokenizer: the language's tokenizer.
        data: the text.
        settings: the settings `auxiliary_…`; with one worker the result is always the same.

    Returns:
        `[vocabulary, auxiliary_dim]`, float32; rows of zeros for tokens that occur less often than
        `auxiliary_min_count`.
    """
    vectors, least = np.zeros((len(tokenizer), settings.auxiliary_dim), np.float32), settings.auxiliary_min_count
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokens.txt"
        counts = _write_tokens(tokenizer, data, path)
        if not (counts >= least).any():
            return vectors
        model = fasttext.train_unsupervised(
            str(path),
            model="cbow",
            dim=settings.auxiliary_dim,
            epoch=settings.auxiliary_epochs,
            neg=_NEGATIVES,
            minCount=least,
            bucket=settings.auxiliary_buckets,
            thread=settings.auxiliary_workers,
            verbose=0,
        )
    for token, index in tokenizer.get_vocab().items():
        if counts[index] >= least:
            vectors[index] = model.get_word_vector(token)
    return vectors


def _write_tokens(tokenizer: PreTrainedTokenizerFast, data: Dataset, path: Path) -> np.ndarray:
    """Write a line of tokens for each text, and return the number of occurrences of each token."""
    counts = np.zeros(len(tokenizer), dtype=np.int64)
    with path.open("w", encoding="utf-8") as file:
        for batch in data.iter(batch_size=1000):
            for encoding in tokenizer.backend_tokenizer.encode_batch(batch["text"], add_special_tokens=False):
                np.add.at(counts, encoding.ids, 1)
                file.write(" ".join(encoding.tokens) + "\n")
    return counts
