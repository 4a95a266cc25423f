"""The modes of a search index, compared on a benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from eval.benchmarks.data import Collection, Retrieval
from eval.encoders import CachedEncoder, Role
from eval.modes import modes_table, score_modes
from tests.eval.encoders import Letters


class Shuffled(Letters):
    """Gives passages the vectors of random numbers, and a question that of the passage that it names last."""

    def encode(self, sentences: Sequence[str], language: str, across: bool, role: Role | None = None) -> np.ndarray:
        return np.stack([np.random.default_rng(int(text.split()[-1])).standard_normal(32) for text in sentences])


def test_each_mode_is_scored_by_its_own_ranking() -> None:
    # By its vector each question finds the passage of its last number, by its word the one before it.
    passages = {f"p{number}": f"word{number:03}x {number}" for number in range(60)}
    queries = {f"q{number}": f"word{number:03}x {(number + 1) % 60}" for number in range(60)}
    by_words = Retrieval({("eng", "eng"): Collection(queries, passages, {f"q{n}": {f"p{n}": 1} for n in range(60)})})
    by_vectors = Retrieval(
        {("eng", "eng"): Collection(queries, passages, {f"q{n}": {f"p{(n + 1) % 60}": 1} for n in range(60)})}
    )
    (words,), (vectors,) = (list(score_modes(data, CachedEncoder(Shuffled(), None))) for data in (by_words, by_vectors))
    assert words.ndcg["words"] == pytest.approx(100)
    assert vectors.ndcg["vectors"] == vectors.ndcg["cosine"] == pytest.approx(100)
    assert words.ndcg["vectors"] < 20
    for found, alone in ((words, "vectors"), (vectors, "words")):
        assert found.ndcg["both"] > found.ndcg[alone]
    assert vectors.answered == 100
    assert vectors.unanswered < 20
    assert "| mine, eng on eng |" in modes_table({"mine": [words]})
