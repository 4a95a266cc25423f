"""FOCUS: embeddings for a new vocabulary out of those of the base.

A token that both vocabularies have is copied. Any other token is a sparse convex combination of copied ones: those
that are near it in an auxiliary space (fastText vectors trained on the tokenized text), weighted by sparsemax over
the cosine similarities.

References:
    Dobler & de Melo 2023, FOCUS: Effective Embedding Initialization for Monolingual Specialization of Multilingual
    Models, section 3. Martins & Astudillo 2016, From Softmax to Sparsemax, algorithm 1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from datasets import Dataset
from gensim.models import FastText
from torch.nn.functional import normalize
from transformers import PreTrainedTokenizerFast

logger = logging.getLogger(__name__)

_BATCH = 256


def auxiliary_vectors(
    tokenizer: PreTrainedTokenizerFast, data: Dataset, *, dim: int, epochs: int, min_count: int, buckets: int, seed: int
) -> np.ndarray:
    """FastText vectors of every token, trained on the tokenized column `text`.

    Returns:
        `[vocabulary, dim]`, float32; rows of zeros for tokens that were not seen often enough.
    """
    corpus = _TokenizedText(tokenizer, data)
    # One worker: with more, gensim's result depends on how its threads happen to be scheduled.
    model = FastText(vector_size=dim, sg=1, min_count=min_count, bucket=buckets, workers=1, seed=seed, epochs=epochs)
    model.build_vocab(corpus)
    vectors = np.zeros((len(tokenizer), dim), dtype=np.float32)
    if not len(model.wv):
        return vectors
    model.train(corpus, total_examples=model.corpus_count, epochs=epochs)
    for token, index in tokenizer.get_vocab().items():
        if token in model.wv.key_to_index:
            vectors[index] = model.wv[token]
    return vectors


class _TokenizedText(Iterable[list[str]]):
    """The text as lists of tokens, as often as it is asked for."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, data: Dataset) -> None:
        self._tokenizer = tokenizer
        self._data = data

    def __iter__(self) -> Iterator[list[str]]:
        for batch in self._data.iter(batch_size=1000):
            for encoding in self._tokenizer.backend_tokenizer.encode_batch(batch["text"], add_special_tokens=False):
                yield encoding.tokens


def sparsemax(scores: torch.Tensor) -> torch.Tensor:
    """Euclidean projection of each row of `[n, m]` onto the probability simplex: most weights become exactly 0."""
    ordered, _ = scores.sort(dim=-1, descending=True)
    sums = ordered.cumsum(dim=-1) - 1
    ranks = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=scores.dtype)
    support = (ordered * ranks > sums).sum(dim=-1, keepdim=True)
    threshold = sums.gather(-1, support - 1) / support
    return (scores - threshold).clamp(min=0)


def focus(
    source_tokens: dict[str, int],
    source: torch.Tensor,
    target_tokens: dict[str, int],
    auxiliary: np.ndarray,
    seed: int,
) -> tuple[torch.Tensor, dict[str, int]]:
    """Embeddings for a new vocabulary.

    Args:
        source_tokens: token to row of `source`.
        source: `[source vocabulary, d]`, what is carried over: embeddings, or embeddings with further columns such as
            the output bias.
        target_tokens: token to row of the result.
        auxiliary: `[target vocabulary, a]`, vectors in which target tokens are compared.
        seed: for tokens without an auxiliary vector, which are drawn from the normal distribution that the source's
            rows have, dimension by dimension.

    Returns:
        `[target vocabulary, d]`, and how many tokens were copied, combined and drawn.
    """
    size = max(target_tokens.values()) + 1
    shared = sorted((row, source_tokens[token]) for token, row in target_tokens.items() if token in source_tokens)
    copied_rows = torch.tensor([row for row, _ in shared], dtype=torch.long)
    copied = source[torch.tensor([row for _, row in shared], dtype=torch.long)].float()

    result = torch.empty(size, source.shape[1])
    deviation, mean = torch.std_mean(source.float(), dim=0)
    result.copy_(torch.randn(result.shape, generator=torch.Generator().manual_seed(seed)) * deviation + mean)
    result[copied_rows] = copied

    space = normalize(torch.from_numpy(auxiliary).float(), dim=-1)
    known = space.any(dim=-1)
    anchors = known[copied_rows]
    new = torch.ones(size, dtype=torch.bool)
    new[copied_rows] = False
    combined = torch.nonzero(new & known).flatten() if anchors.any() else torch.empty(0, dtype=torch.long)
    for rows in torch.split(combined, _BATCH):
        weights = sparsemax(space[rows] @ space[copied_rows[anchors]].T)
        result[rows] = weights @ copied[anchors]
    counts = {"copied": len(copied_rows), "combined": len(combined), "drawn": size - len(copied_rows) - len(combined)}
    logger.info("FOCUS: %(copied)d tokens copied, %(combined)d combined, %(drawn)d drawn at random", counts)
    return result, counts
