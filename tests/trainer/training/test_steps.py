"""Parts that the stages combine."""

from __future__ import annotations

import pytest
from datasets import Dataset

from trainer.training.steps import split


@pytest.mark.parametrize(
    ("rows", "share", "kept"), [(10, 0.0, 0), (10, 0.25, 2), (10, 0.01, 1), (2, 0.9, 1), (1, 0.5, 0)]
)
def test_any_share_keeps_rows_from_the_end_where_one_is_left_to_train_on(rows: int, share: float, kept: int) -> None:
    train, evaluation = split(Dataset.from_dict({"x": list(range(rows))}), share)
    assert list(train["x"]) == list(range(rows - kept))
    assert (list(evaluation["x"]) if evaluation else []) == list(range(rows - kept, rows))
