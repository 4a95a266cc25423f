"""Passes through the transformer: every sequence exactly once, with little padding."""

from __future__ import annotations

import numpy as np
import pytest

from adapters_hub.encoder import pad, split_passes


@pytest.mark.parametrize("budget", [1, 40, 200, 100_000])
@pytest.mark.parametrize("batch_size", [None, 1, 5])
def test_every_sequence_is_in_one_pass_within_the_limits(budget: int, batch_size: int | None) -> None:
    lengths = sorted(np.random.default_rng(0).integers(1, 40, size=300).tolist())
    parts = list(split_passes(lengths, budget, batch_size))
    assert [index for part in parts for index in range(part.start, part.stop)] == list(range(300))
    for part in parts:
        count = part.stop - part.start
        assert count == 1 or count * lengths[part.stop - 1] <= budget
        assert batch_size is None or count <= batch_size


def test_a_pass_that_is_half_full_ends_where_padding_would_begin() -> None:
    assert list(split_passes([3] * 10 + [4] * 2, 60)) == [slice(0, 10), slice(10, 12)]
    assert list(split_passes([3] * 9 + [4] * 2, 60)) == [slice(0, 11)]
    assert list(split_passes([], 60)) == []


def test_many_sequences_have_almost_no_padding() -> None:
    lengths = sorted(np.random.default_rng(0).integers(1, 60, size=5000).tolist())
    padded = sum((part.stop - part.start) * lengths[part.stop - 1] for part in split_passes(lengths, 2048))
    assert padded < 1.01 * sum(lengths)


def test_padding_goes_to_the_end() -> None:
    ids, mask = pad([(5, 6), (7, 8, 9)], pad_id=1)
    assert ids.tolist() == [[5, 6, 1], [7, 8, 9]]
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1]]
