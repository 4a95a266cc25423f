"""Batches of every kind: which texts are encoded, which vectors are looked up, and which languages meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from adapters_hub.texts import text_key
from tests.trainer.building import cross_lingual
from trainer.data.batches import Rows, tokenize
from trainer.objectives import ROLES, ObjectiveCollator, columns_of

SEED = 5


def encoded_texts(batch: dict[str, Any]) -> list[list[int]]:
    """The token ids of the encoded texts, in order."""
    found: dict[int, list[int]] = {}
    for part in batch["passes"]:
        for place, ids, mask in zip(part["rows"].tolist(), part["input_ids"], part["attention_mask"], strict=True):
            found[place] = ids[mask.bool()].tolist()
    return [found[place] for place in range(len(found))]


def cross_batch(
    tokenizer: PreTrainedTokenizerFast, languages: tuple[str, ...], frozen: str | None, numbers: list[int]
) -> dict[str, Any]:
    """A batch of cross-lingual paraphrases from the sample data."""
    text = cross_lingual("paraphrase", languages)
    columns = columns_of("paraphrase", languages)
    looked_up = [column for column in columns if column.startswith(f"{frozen}_")]
    own = [column for column in columns if column not in looked_up]
    rows = Rows(tokenize(text, own, tokenizer, "", 512, "text", only_keys=looked_up))
    collator = ObjectiveCollator(["paraphrase"], [languages], 1, SEED, frozen, 100)
    return collator([rows[number] for number in numbers])


def test_paraphrases_are_laid_out_role_by_role_and_missing_negatives_left_out() -> None:
    rows = [
        {"anchor_ids": [5, 6], "positive_ids": [7], "negative_ids": [], "row": 4},
        {"anchor_ids": [8], "positive_ids": [9, 9, 9], "negative_ids": [10, 11], "row": 2},
        {"anchor_ids": [12], "positive_ids": [13], "negative_ids": [14], "row": 9},
    ]
    keys = [{"anchor_key": row, "positive_key": -row, "negative_key": 2**62 + row} for row in range(3)]
    batch = ObjectiveCollator(["x", "contrastive"], [(), ("deu",)], 1, SEED, "eng", 4)(
        [row | key | {"part": 1, "draw": 0} for row, key in zip(rows, keys, strict=True)]
    )
    assert encoded_texts(batch) == [[5, 6], [8], [12], [7], [9, 9, 9], [13], [10, 11], [14]]
    assert batch["negative_there"].tolist() == [False, True, True]
    assert not any(batch[f"{role}_frozen"].any() for role in ROLES)
    assert batch["row"].tolist() == [4, 2, 9]
    assert batch["part"].tolist() == [1, 1, 1]
    assert batch["negative_key"].tolist() == [2**62, 2**62 + 1, 2**62 + 2]
    assert batch["negative_key"].dtype == torch.int64


@pytest.mark.parametrize("frozen", ["eng", None])
@pytest.mark.parametrize("languages", [("eng", "deu"), ("eng", "deu", "tur", "kaz")])
def test_a_cross_lingual_batch_is_what_a_slow_reference_draws(
    tokenizer: PreTrainedTokenizerFast, languages: tuple[str, ...], frozen: str | None
) -> None:
    numbers = [3, 0, 64 + 3, 17, 12, 128 + 12, 55]  # some numbers are later epochs of a row
    text = cross_lingual("paraphrase", languages)
    chosen: dict[str, list[tuple[str, str]]] = {role: [] for role in ROLES}
    for number in numbers:
        chance, row = np.random.default_rng([SEED, number]), text[number % 64]
        first, second = chance.choice(len(languages), 2, replace=False)
        chosen["anchor"].append((languages[first], row[f"{languages[first]}_anchor"]))
        chosen["positive"].append((languages[second], row[f"{languages[second]}_positive"]))
        drawn = {languages[first], languages[second]}
        either = [code for code in languages if row[f"{code}_negative"]]
        negatives = [code for code in either if code not in drawn] if len(languages) > 2 else either
        code = negatives[int(chance.integers(len(negatives)))] if negatives else ""
        chosen["negative"].append((code, row[f"{code}_negative"] if code else ""))
    batch = cross_batch(tokenizer, languages, frozen, numbers)
    expected = []
    for role in ROLES:
        assert batch[f"{role}_there"].tolist() == [bool(text) for _, text in chosen[role]]
        assert batch[f"{role}_frozen"].tolist() == [code == frozen for code, _ in chosen[role]]
        there = [place for place, (_, text) in enumerate(chosen[role]) if text]
        assert batch[f"{role}_key"][there].tolist() == [text_key(chosen[role][place][1]) for place in there]
        expected += [tokenizer(text)["input_ids"] for code, text in chosen[role] if text and code != frozen]
    assert encoded_texts(batch) == expected


def test_anchors_and_candidates_of_a_batch_are_of_both_languages(tokenizer: PreTrainedTokenizerFast) -> None:
    batch = cross_batch(tokenizer, ("eng", "deu"), "eng", list(range(64)))
    for role in ROLES:
        there = batch[f"{role}_there"]
        share = float(batch[f"{role}_frozen"][there].float().mean())
        assert 0.25 < share < 0.75
    # Anchor and positive of a row are never in the same language.
    assert torch.equal(batch["anchor_frozen"], ~batch["positive_frozen"])


def test_a_row_draws_its_languages_by_itself_and_anew_in_each_epoch(tokenizer: PreTrainedTokenizerFast) -> None:
    numbers = list(range(32))
    whole = cross_batch(tokenizer, ("eng", "deu"), "eng", numbers)
    other_order = cross_batch(tokenizer, ("eng", "deu"), "eng", numbers[::-1])
    assert torch.equal(whole["anchor_frozen"], other_order["anchor_frozen"].flip(0))
    next_epoch = cross_batch(tokenizer, ("eng", "deu"), "eng", [64 + number for number in numbers])
    assert not torch.equal(whole["anchor_frozen"], next_epoch["anchor_frozen"])


@pytest.mark.parametrize(
    ("kind", "frozen"), [("parallel", "eng"), ("graded", "eng"), ("relational", "eng"), ("parallel", None)]
)
def test_translations_look_the_pivot_up_or_encode_it(
    tokenizer: PreTrainedTokenizerFast, kind: str, frozen: str | None
) -> None:
    text = cross_lingual(kind, ("eng", "deu"))
    own, looked_up = (["target"], ["pivot"]) if frozen else (["pivot", "target"], [])
    rows = Rows(tokenize(text, own, tokenizer, "", 512, "text", only_keys=looked_up))
    batch = ObjectiveCollator([kind], [("eng", "deu")], 1, SEED, frozen, 100)([rows[2], rows[9]])
    targets = [tokenizer(text["target"][row])["input_ids"] for row in (2, 9)]
    pivots = [tokenizer(text["pivot"][row])["input_ids"] for row in (2, 9)]
    assert encoded_texts(batch) == (targets if frozen else targets + pivots)
    assert batch["pivot_frozen"].tolist() == [frozen is not None] * 2
    assert batch["pivot_key"].tolist() == [text_key(text["pivot"][row]) for row in (2, 9)]
