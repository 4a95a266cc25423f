from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from tests.conftest import sample_sentences
from trainer.data.batches import Order, Rows, passes, tokenize


def test_tokenizing_adds_the_prompt_cuts_and_counts(
    tokenizer: PreTrainedTokenizerFast, caplog: pytest.LogCaptureFixture
) -> None:
    texts = ["Hund", " Hund ", "Der Hund bellt laut und lange vor dem Haus.", ""]
    with caplog.at_level(logging.INFO, logger="trainer.data.batches"):
        data = tokenize(Dataset.from_dict({"text": texts}), ["text"], tokenizer, "zu: ", 8, "deu text")
    assert "deu text: 1 texts of more than 8 tokens were cut" in caplog.text
    assert data.column_names == ["text_ids", "text_key", "text_there"]
    assert list(data["text_there"]) == [True, True, True, False]
    assert data[0]["text_ids"] == tokenizer("zu: Hund")["input_ids"]
    assert data[2]["text_ids"] == [*tokenizer("zu: " + texts[2])["input_ids"][:7], tokenizer.eos_token_id]
    assert data[3]["text_ids"] == []


def test_keys_are_equal_for_equal_texts_and_for_no_others(tokenizer: PreTrainedTokenizerFast) -> None:
    texts = sample_sentences("deu")[:50]
    data = Dataset.from_dict({"a": texts, "b": [f" {text} " for text in texts], "c": texts[::-1]})
    encoded = tokenize(data, ["a", "b"], tokenizer, "", 64, "pairs", only_keys=["c"])
    assert encoded.column_names == ["a_ids", "b_ids", "a_key", "a_there", "b_key", "b_there", "c_key", "c_there"]
    assert list(encoded["a_key"]) == list(encoded["b_key"]) == list(encoded["c_key"])[::-1]
    assert len(set(encoded["a_key"])) == len(set(texts))


def test_texts_are_tokenized_once_whatever_the_tokenizer_did_in_between(tokenizer: PreTrainedTokenizerFast) -> None:
    data = Dataset.from_dict({"text": sample_sentences("deu")[:9]})
    first = tokenize(data, ["text"], tokenizer, "", 20, "text")
    tokenizer("Hund", truncation=True, max_length=3, padding="max_length")
    assert tokenize(data, ["text"], tokenizer, "", 20, "text")._fingerprint == first._fingerprint
    assert tokenize(data, ["text"], tokenizer, "", 21, "text")._fingerprint != first._fingerprint


@pytest.mark.parametrize("budget", [1, 40, 200, 10_000])
def test_passes_cover_every_text_once_within_the_budget(budget: int) -> None:
    random = np.random.default_rng(0)
    texts = [random.integers(5, 99, size=length).tolist() for length in random.integers(1, 30, size=57)]
    made = passes(texts, budget, pad_id=1)
    seen: list[int] = []
    for part in made:
        count, width = part["input_ids"].shape
        assert count == 1 or count * width <= budget
        assert width == max(len(texts[row]) for row in part["rows"])
        for row, ids, mask in zip(part["rows"].tolist(), part["input_ids"], part["attention_mask"], strict=True):
            assert ids[mask.bool()].tolist() == texts[row]
            assert (ids[~mask.bool()] == 1).all()
            seen.append(row)
    assert sorted(seen) == list(range(57))
    assert (len(made) == 1) == (budget == 10_000)


def test_an_epoch_is_a_permutation_of_its_own_and_a_function_of_the_seed() -> None:
    order = Order([100], 8, seed=1)
    first, second = order.numbers(0), order.numbers(1)
    assert sorted(first) == list(range(100))
    assert sorted(second) == list(range(100, 200))
    assert [number % 100 for number in second] != first != list(range(100))
    assert Order([100], 8, seed=1).numbers(1) == second
    assert Order([100], 8, seed=2).numbers(0) != first
    # The order does not depend on the size of the batches.
    assert Order([100], 32, seed=1).numbers(0) == first


def test_a_sampler_gives_the_epoch_it_was_set_to() -> None:
    order = Order([20], 4, seed=0)
    assert list(order) == order.numbers(0)
    order.set_epoch(3)
    assert list(order) == list(order) == order.numbers(3)
    assert len(order) == 20


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
@pytest.mark.parametrize("lengths", [(80, 80), (30, 120), (120, 30), (10, 9)])
def test_blocks_of_two_parts_are_of_one_kind_with_the_share_asked_for(share: float, lengths: tuple[int, int]) -> None:
    block = 4
    order = Order(lengths, block, seed=3, second_share=share)
    for epoch in range(2):
        numbers = [number - epoch * sum(lengths) for number in order.numbers(epoch)]
        assert len(numbers) == len(order)
        blocks = [numbers[start : start + block] for start in range(0, len(numbers), block)]
        kinds = [{number >= lengths[0] for number in numbers} for numbers in blocks]
        assert all(len(kind) == 1 for kind in kinds)
        assert sum(True in kind for kind in kinds) == pytest.approx(share * len(blocks), abs=1)
        # Every text is used completely, except for the remainder that does not fill a block.
        used = set(numbers)
        assert len([number for number in used if number < lengths[0]]) >= lengths[0] // block * block
        assert len([number for number in used if number >= lengths[0]]) >= lengths[1] // block * block
    assert order.numbers(0) != [number - sum(lengths) for number in order.numbers(1)]


def test_kinds_alternate_evenly() -> None:
    order = Order((8, 8), 2, seed=0)
    assert [number >= 8 for number in order.numbers(0)[::2]] == [False, True] * 4


@pytest.mark.parametrize("shares", [(16, 16, 16, 16), (5, 3, 7), (1, 40, 2, 9, 1), (2.5, 7.5, 1.25, 3.75)])
def test_blocks_of_many_parts_get_exactly_their_shares_evenly_spread(shares: tuple[float, ...]) -> None:
    block, whole = 4, sum(shares)
    lengths = [block * math.ceil(share) + 3 for share in shares]
    order = Order(lengths, block, seed=3, shares=shares)
    starts = np.cumsum([0, *lengths])
    numbers = order.numbers(0)
    assert len(numbers) == len(order) >= whole * block
    parts = np.searchsorted(starts, np.array(numbers).reshape(-1, block), side="right") - 1
    assert (parts == parts[:, :1]).all()
    for part, share in enumerate(shares):
        counts = np.cumsum(parts[:, 0] == part)
        assert counts[-1] == pytest.approx(share / whole * len(parts), abs=1e-9 if isinstance(share, int) else 1)
        assert np.abs(counts - share / whole * np.arange(1, len(parts) + 1)).max() < len(shares) - 0.5
        used = {number for number in numbers if starts[part] <= number < starts[part + 1]}
        assert len(used) >= lengths[part] // block * block  # more if a part is repeated


def test_equal_shares_of_many_parts_take_turns() -> None:
    order = Order((8, 8, 8), 2, seed=0)
    assert [number // 8 for number in order.numbers(0)[::2]] == [0, 1, 2] * 4


def test_a_later_epoch_of_many_parts_has_an_order_of_its_own_in_the_numbers_of_its_own() -> None:
    order = Order((40, 24, 16), 8, seed=0, shares=(5, 3, 2))
    first, second = order.numbers(0), [number - 80 for number in order.numbers(1)]
    assert first != second
    assert sorted(first) == sorted(second) == list(range(80))


def test_a_part_that_is_smaller_than_a_batch_fills_it_with_its_rows_again_and_leaves_the_others_as_they_are() -> None:
    lengths, block = (40, 3), 8
    order = Order(lengths, block, seed=0)
    first, second = (np.array(order.numbers(epoch)).reshape(-1, block) % 43 for epoch in range(2))
    assert first.size == len(order)
    large, small = first[::2], first[1::2]
    assert sorted(large.flatten()) == list(range(40))
    for batch in small:  # every row as often as possible
        assert sorted(np.bincount(batch - 40)) == [2, 3, 3]
    assert len({tuple(batch) for batch in np.concatenate([small, second[1::2]])}) > 5
    assert Order(lengths, block, seed=0).numbers(1) == order.numbers(1)


def test_the_shares_of_two_parts_are_their_second_share() -> None:
    for share in (0.1, 0.3, 0.75):
        by_share = Order((70, 50), 4, seed=1, second_share=share).numbers(2)
        assert Order((70, 50), 4, seed=1, shares=(1 - share, share)).numbers(2) == by_share


def test_rows_take_numbers_of_later_epochs_and_keep_them_as_the_draw() -> None:
    rows = Rows(Dataset.from_dict({"x": [10, 11, 12]}), Dataset.from_dict({"x": [20, 21]}))
    assert len(rows) == 5
    assert rows[1] == {"row": 1, "x": 11, "part": 0, "draw": 1}
    assert rows[3] == {"row": 0, "x": 20, "part": 1, "draw": 3}
    assert rows[14] == {"row": 1, "x": 21, "part": 1, "draw": 14}


def test_rows_leave_the_row_numbers_that_the_data_brings() -> None:
    assert Rows(Dataset.from_dict({"row": [7, 5]}))[1]["row"] == 5
