from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from tests.conftest import SPECIAL, build_tokenizer, sample_sentences
from trainer.settings import VocabularySettings
from trainer.vocabulary import auxiliary_vectors, focus, sparsemax, train_tokenizer

SHARED, COMBINED, DRAWN = 12, 9, 4
WIDTH, SPACE = 5, 7


def slow_sparsemax(scores: list[float]) -> list[float]:
    """Find the threshold by bisection: the weights `max(score - threshold, 0)` must sum to 1."""
    low, high = min(scores) - 1, max(scores)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(max(score - middle, 0) for score in scores) > 1 else (low, middle)
    return [max(score - low, 0) for score in scores]


class Example:
    """A source and a target vocabulary in different orders; some tokens have no auxiliary vector."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        shared = [f"s{i}" for i in range(SHARED)]
        self.new = [f"n{i}" for i in range(COMBINED)]
        self.unknown = [f"u{i}" for i in range(DRAWN)]
        source = [*shared, *(f"only in the source {i}" for i in range(30))]
        target = [*shared, *self.new, *self.unknown]
        self.source_tokens = {source[place]: row for row, place in enumerate(random.permutation(len(source)))}
        self.target_tokens = {target[place]: row for row, place in enumerate(random.permutation(len(target)))}
        self.shared = shared
        self.source = torch.from_numpy(random.normal(3, 2, size=(len(source), WIDTH)).astype(np.float32))
        self.auxiliary = random.normal(size=(len(target), SPACE)).astype(np.float32)
        # Two shared tokens without an auxiliary vector are copied, but do not contribute to new tokens.
        for token in (*self.unknown, *shared[:2]):
            self.auxiliary[self.target_tokens[token]] = 0

    def run(self, seed: int = 0) -> tuple[torch.Tensor, dict[str, int]]:
        return focus(self.source_tokens, self.source, self.target_tokens, self.auxiliary, seed)

    def weights(self, token: str) -> dict[str, float]:
        """The weight of each shared token in a new token, computed by loops."""
        own = self.auxiliary[self.target_tokens[token]].astype(float)
        anchors = self.shared[2:]
        scores = []
        for anchor in anchors:
            other = self.auxiliary[self.target_tokens[anchor]].astype(float)
            scores.append(float(own @ other / np.sqrt((own @ own) * (other @ other))))
        return dict(zip(anchors, slow_sparsemax(scores), strict=True))


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_tokens_of_both_vocabularies_are_copied_exactly(example: Example) -> None:
    result, counts = example.run()
    assert counts == {"copied": SHARED, "combined": COMBINED, "drawn": DRAWN}
    assert result.shape == (SHARED + COMBINED + DRAWN, WIDTH)
    for token in example.shared:
        assert torch.equal(result[example.target_tokens[token]], example.source[example.source_tokens[token]])


def test_new_tokens_are_the_sparse_convex_combination_of_a_slow_reference(example: Example) -> None:
    result, _ = example.run()
    for token in example.new:
        weights = example.weights(token)
        assert sum(weights.values()) == pytest.approx(1)
        assert 0 < sum(weight > 0 for weight in weights.values()) < len(weights)
        expected = torch.zeros(WIDTH)
        for anchor, weight in weights.items():
            expected += weight * example.source[example.source_tokens[anchor]]
        torch.testing.assert_close(result[example.target_tokens[token]], expected, rtol=1e-4, atol=1e-4)


def test_tokens_without_a_vector_are_drawn_by_the_seed_alone(example: Example) -> None:
    drawn = torch.tensor([example.target_tokens[token] for token in example.unknown])
    others = torch.tensor([example.target_tokens[token] for token in (*example.shared, *example.new)])
    torch.manual_seed(1)
    first, _ = example.run(seed=7)
    torch.manual_seed(2)
    again, _ = example.run(seed=7)
    other, _ = example.run(seed=8)
    assert torch.equal(first, again)
    assert not torch.equal(first[drawn], other[drawn])
    assert torch.equal(first[others], other[others])


def test_drawn_tokens_are_distributed_as_the_source() -> None:
    random = np.random.default_rng(0)
    source = torch.from_numpy(random.normal([1, -5], [0.5, 3], size=(1000, 2)).astype(np.float32))
    tokens = {f"t{row}": row for row in range(4000)}
    result, counts = focus({f"s{row}": row for row in range(1000)}, source, tokens, np.zeros((4000, 3), np.float32), 0)
    assert counts == {"copied": 0, "combined": 0, "drawn": 4000}
    torch.testing.assert_close(result.mean(0), source.mean(0), rtol=0, atol=0.2)
    torch.testing.assert_close(result.std(0), source.std(0), rtol=0.1, atol=0)


def test_nothing_is_combined_when_no_copied_token_has_a_vector(example: Example) -> None:
    auxiliary = example.auxiliary.copy()
    auxiliary[[example.target_tokens[token] for token in example.shared]] = 0
    result, counts = focus(example.source_tokens, example.source, example.target_tokens, auxiliary, 0)
    assert counts == {"copied": SHARED, "combined": 0, "drawn": COMBINED + DRAWN}
    assert result.isfinite().all()


@pytest.mark.parametrize("size", [1, 2, 17, 300])
def test_sparsemax_is_the_projection_onto_the_simplex(size: int) -> None:
    scores = torch.randn(20, size, generator=torch.Generator().manual_seed(size)) * 2
    weights = sparsemax(scores)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(20))
    for row, found in zip(scores.tolist(), weights, strict=True):
        torch.testing.assert_close(found, torch.tensor(slow_sparsemax(row)), rtol=1e-4, atol=1e-5)
    # No point of the simplex is nearer.
    others = torch.distributions.Dirichlet(torch.full((size,), 0.3)).sample((200,)) if size > 1 else torch.ones(1, 1)
    distance = (scores[:, None] - others).norm(dim=-1).min(dim=1).values
    assert ((scores - weights).norm(dim=-1) <= distance + 1e-5).all()


def test_sparsemax_by_hand_and_its_invariances() -> None:
    torch.testing.assert_close(sparsemax(torch.tensor([[1.0, 0.5, -3.0]])), torch.tensor([[0.75, 0.25, 0.0]]))
    torch.testing.assert_close(sparsemax(torch.tensor([[5.0, 0.0, 0.0]])), torch.tensor([[1.0, 0.0, 0.0]]))
    torch.testing.assert_close(sparsemax(torch.zeros(1, 4)), torch.full((1, 4), 0.25))
    scores = torch.randn(3, 9)
    order = torch.randperm(9)
    torch.testing.assert_close(sparsemax(scores + 100), sparsemax(scores), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(sparsemax(scores[:, order]), sparsemax(scores)[:, order])


@pytest.mark.parametrize("kind", ["unigram", "bpe", "wordpiece"])
def test_a_trained_tokenizer_keeps_kind_special_tokens_and_padding(kind: str) -> None:
    base = build_tokenizer(kind)
    text = sample_sentences("tur")
    trained = train_tokenizer(base, Dataset.from_dict({"text": text}), 600)
    assert type(trained.backend_tokenizer.model) is type(base.backend_tokenizer.model)
    assert 300 < len(trained) <= 600
    assert trained.pad_token_id == base.pad_token_id == 1
    for token in (*SPECIAL, "<mask>"):
        assert trained.convert_tokens_to_ids(token) == base.convert_tokens_to_ids(token)
    for role in ("bos_token", "eos_token", "cls_token", "sep_token", "pad_token", "unk_token", "mask_token"):
        assert getattr(trained, role) == getattr(base, role)
    ids = trained(text[0])["input_ids"]
    assert (ids[0], ids[-1]) == (base.bos_token_id, base.eos_token_id)
    # It is now a Turkish tokenizer: it has no unknown characters and needs fewer tokens.
    own, before = trained(text)["input_ids"], base(text)["input_ids"]
    assert trained.unk_token_id not in {token for row in own for token in row}
    assert sum(map(len, own)) < sum(map(len, before))


def auxiliary(dim: int, epochs: int, min_count: int) -> VocabularySettings:
    return VocabularySettings(
        auxiliary_dim=dim, auxiliary_epochs=epochs, auxiliary_min_count=min_count, auxiliary_buckets=1000
    )


def test_auxiliary_vectors_are_the_same_every_time_and_zero_for_rare_tokens() -> None:
    tokenizer = build_tokenizer()
    text = sample_sentences("deu")[:200]
    counts = np.zeros(len(tokenizer), dtype=int)
    for row in tokenizer(text, add_special_tokens=False)["input_ids"]:
        np.add.at(counts, row, 1)
    settings = auxiliary(dim=4, epochs=1, min_count=3)
    made = [
        auxiliary_vectors(tokenizer, Dataset.from_dict({"text": rows}), settings) for rows in (text, text, text[::-1])
    ]
    assert made[0].shape == (len(tokenizer), 4)
    assert np.array_equal(made[0].any(axis=1), counts >= 3)
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_tokens_of_the_same_sentences_are_nearer_to_each_other() -> None:
    """The auxiliary vectors reflect the text."""
    tokenizer = build_tokenizer()
    random = np.random.default_rng(0)
    words = [token[1:] for token in sorted(tokenizer.get_vocab()) if len(token) > 4 and token[0] == "▁"][:40]
    groups = [words[:20], words[20:]]
    text = [" ".join(random.choice(groups[row % 2], 8)) for row in range(2000)]
    data = Dataset.from_dict({"text": text})
    made = auxiliary_vectors(tokenizer, data, auxiliary(dim=16, epochs=20, min_count=1))
    one, other = (made[[tokenizer.convert_tokens_to_ids(f"▁{word}") for word in group]] for group in groups)
    one, other = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (one, other))
    assert (one @ one.T + other @ other.T).mean() / 2 > (one @ other.T).mean() + 0.1


def test_text_without_frequent_tokens_gives_no_auxiliary_vectors() -> None:
    tokenizer = build_tokenizer()
    data = Dataset.from_dict({"text": ["Hund"]})
    made = auxiliary_vectors(tokenizer, data, auxiliary(dim=4, epochs=1, min_count=50))
    assert not made.any()
