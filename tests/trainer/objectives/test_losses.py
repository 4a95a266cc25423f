from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from trainer.objectives.losses import contrastive_loss, cosine_loss, gather, graded_loss, relational_loss

N, DIM = 8, 6


def vectors(seed: int, count: int = N) -> torch.Tensor:
    return torch.randn(count, DIM, generator=torch.Generator().manual_seed(seed))


def batch(
    anchor_keys: list[int] | None = None,
    positive_keys: list[int] | None = None,
    negative_keys: list[int] | None = None,
    has_negative: list[bool] | None = None,
) -> dict[str, torch.Tensor]:
    """Keys of eight rows; all texts are distinct and there are no hard negatives, unless given."""
    return {
        "anchor_keys": torch.tensor(anchor_keys or list(range(0, 8))),
        "positive_keys": torch.tensor(positive_keys or list(range(10, 18))),
        "negative_keys": torch.tensor(negative_keys or list(range(20, 28))),
        "has_negative": torch.tensor(has_negative or [False] * 8),
    }


DUPLICATES = batch(
    anchor_keys=[0, 0, 2, 3, 4, 5, 13, 7],  # rows 0 and 1 share an anchor; the anchor of row 6 is the positive of row 3
    positive_keys=[10, 11, 12, 13, 12, 15, 16, 17],  # rows 2 and 4 share a positive
    negative_keys=[20, 12, 22, 0, 24, 25, 15, 17],  # anchors and positives of other rows, and row 7's own positive
    has_negative=[True, True, False, True, True, False, True, True],
)
UNIQUE = batch(has_negative=[True] * 8)


def slow(
    anchors: torch.Tensor, positives: torch.Tensor, negatives: torch.Tensor, keys: dict[str, torch.Tensor], scale: float
) -> float:
    """The loss computed row by row in plain Python, from the definition."""

    def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
        return scale * float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))

    a_keys, p_keys, n_keys = (keys[f"{name}_keys"].tolist() for name in ("anchor", "positive", "negative"))
    total = 0.0
    for i in range(len(anchors)):
        own = {a_keys[i], p_keys[i]}
        others = [j for j in range(len(anchors)) if j != i and not own & {a_keys[j], p_keys[j]}]
        hard = [j for j in range(len(anchors)) if keys["has_negative"][j] and n_keys[j] not in own]
        right = cosine(anchors[i], positives[i])
        candidates = [cosine(anchors[i], positives[j]) for j in others]
        candidates += [cosine(anchors[i], negatives[j]) for j in hard]
        total += math.log(sum(math.exp(value) for value in [right, *candidates])) - right
    return total / len(anchors)


@pytest.mark.parametrize("keys", [batch(), UNIQUE, DUPLICATES], ids=["pairs", "triplets", "duplicates"])
@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_contrastive_loss_equals_a_slow_loop(keys: dict[str, torch.Tensor], scale: float) -> None:
    a, p, n = vectors(0), vectors(1), vectors(2)
    assert float(contrastive_loss(a, p, n, **keys, scale=scale)) == pytest.approx(slow(a, p, n, keys, scale), rel=1e-5)


def test_contrastive_loss_is_the_ranking_loss_of_sentence_transformers() -> None:
    """MultipleNegativesRankingLoss: a cross-entropy over all positives and hard negatives."""
    a, p, n = vectors(0), vectors(1), vectors(2)
    expected = cross_entropy(normalize(a, dim=1) @ normalize(torch.cat([p, n]), dim=1).T * 20, torch.arange(N))
    torch.testing.assert_close(contrastive_loss(a, p, n, **UNIQUE, scale=20.0), expected)


def test_rows_without_a_hard_negative_may_hold_anything() -> None:
    a, p, n = vectors(0), vectors(1), vectors(2)
    missing = ~DUPLICATES["has_negative"]
    changed = n.clone()
    changed[missing] = vectors(9)[missing] * 100
    assert contrastive_loss(a, p, n, **DUPLICATES) == contrastive_loss(a, p, changed, **DUPLICATES)


@pytest.mark.parametrize(
    "keys",
    [
        batch(anchor_keys=[7] * 8),
        batch(positive_keys=[7] * 8),
        batch(anchor_keys=[1, 11, 1, 11, 1, 11, 1, 11], positive_keys=[11, 1, 11, 1, 11, 1, 11, 1]),
    ],
    ids=["same anchors", "same positives", "pairs and their reverse"],
)
def test_equal_texts_are_never_negatives(keys: dict[str, torch.Tensor]) -> None:
    """The loss and the gradient are zero if nothing is left to tell a text apart from."""
    a, p, n = (vectors(seed).requires_grad_() for seed in range(3))
    loss = contrastive_loss(a, p, n, **keys)
    loss.backward()
    assert loss.item() == 0
    assert all(float(x.grad.abs().sum()) == 0 for x in (a, p, n) if x.grad is not None)


def test_a_hard_negative_with_the_text_of_anchor_or_positive_has_no_gradient_from_that_row() -> None:
    # The only hard negative equals every anchor or every positive.
    for keys in (
        batch(negative_keys=[0] * 8, anchor_keys=[0] * 8, has_negative=[True] + [False] * 7),
        batch(negative_keys=[10] * 8, positive_keys=[10] * 8, has_negative=[True] + [False] * 7),
    ):
        a, p, n = (vectors(seed).requires_grad_() for seed in range(3))
        contrastive_loss(a, p, n, **keys).backward()
        assert n.grad is not None
        assert float(n.grad.abs().sum()) == 0


def test_the_right_answer_is_approached_and_the_others_left() -> None:
    a, p, n = (vectors(seed).requires_grad_() for seed in range(3))
    before = contrastive_loss(a, p, n, **UNIQUE)
    before.backward()
    with torch.no_grad():
        moved = [x - 0.01 * x.grad for x in (a, p, n)]
    assert contrastive_loss(*moved, **UNIQUE) < before


def test_losses_look_at_directions_only() -> None:
    a, p, n = vectors(0), vectors(1), vectors(2)
    longer = torch.arange(1.0, N + 1)[:, None]
    torch.testing.assert_close(
        contrastive_loss(a, p, n, **DUPLICATES), contrastive_loss(a * longer, p * 3, n * longer, **DUPLICATES)
    )
    torch.testing.assert_close(cosine_loss(a, p), cosine_loss(a * longer, p * 3))


def test_cosine_loss_by_hand() -> None:
    a = torch.tensor([[1.0, 0.0], [1.0, 0.0], [3.0, 4.0], [1.0, 0.0]])
    b = torch.tensor([[5.0, 0.0], [0.0, 1.0], [4.0, 3.0], [-2.0, 0.0]])
    assert float(cosine_loss(a, b)) == pytest.approx((0 + 1 + (1 - 24 / 25) + 2) / 4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_of_half_precision_vectors_are_computed_in_float32(dtype: torch.dtype) -> None:
    a, p, n = (vectors(seed).to(dtype) for seed in range(3))
    loss = contrastive_loss(a, p, n, **DUPLICATES)
    assert loss.dtype == cosine_loss(a, p).dtype == torch.float32
    assert loss == contrastive_loss(a.float(), p.float(), n.float(), **DUPLICATES)
    assert cosine_loss(a, p) == cosine_loss(a.float(), p.float())


def test_on_one_process_there_is_nothing_to_gather() -> None:
    values = vectors(0)
    assert gather(values) is values


def slow_squares(rows: torch.Tensor, columns: torch.Tensor, targets: torch.Tensor, diagonal: bool) -> float:
    """Mean squared difference of cosines, computed pair by pair."""
    unit = [normalize(x, dim=1) for x in (rows, columns, targets)]
    squares = [
        (20 * float(unit[0][i] @ unit[1][j] - unit[2][i] @ unit[2][j])) ** 2
        for i in range(len(rows))
        for j in range(len(rows))
        if diagonal or i != j
    ]
    return sum(squares) / len(squares)


def test_relational_loss_is_the_mean_square_over_all_pairs_of_a_batch() -> None:
    a, b = vectors(0), vectors(1)
    assert float(relational_loss(a, b, 20.0)) == pytest.approx(slow_squares(a, a, b, diagonal=False), rel=1e-5)


def test_relations_do_not_say_where_a_batch_lies() -> None:
    """Rotating or rescaling vectors keeps all similarities."""
    rotation, _ = torch.linalg.qr(vectors(3, DIM))
    a = vectors(0)
    assert float(relational_loss(3 * a @ rotation, a)) == pytest.approx(0, abs=1e-8)
    assert float(graded_loss(3 * a @ rotation, a)) > 1


def test_graded_loss_is_the_mean_square_over_all_pairs_across_languages() -> None:
    a, b = vectors(0), vectors(1)
    assert float(graded_loss(a, b, 20.0)) == pytest.approx(slow_squares(a, b, b, diagonal=True), rel=1e-5)
    assert float(graded_loss(2 * b, b)) == pytest.approx(0, abs=1e-8)


def test_graded_loss_takes_similarities_of_another_encoder() -> None:
    a, b, c = vectors(0), vectors(1), torch.randn(N, 3, generator=torch.Generator().manual_seed(2))
    expected = slow_squares(a, b, c, diagonal=True)
    assert float(graded_loss(a, b, 20.0, c)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [relational_loss, graded_loss])
def test_losses_over_similarities_of_a_single_sentence_are_finite(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> None:
    a = vectors(0, 1).requires_grad_()
    loss(a, vectors(1, 1)).backward()  # type: ignore[no-untyped-call]
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()
