"""Rows and batches of language adaptation."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from adapters_hub import AdaptersHubError
from adapters_hub.encoder import prompt_length
from tests.conftest import build_tokenizer, sample_sentences
from trainer.data.batches import Rows, tokenize
from trainer.training.masking import MaskingCollator, pack

PROMPT = "Frage: "


def masked(
    tokenizer: PreTrainedTokenizerFast, rows: list[dict[str, Any]], seed: int = 0, prompt_tokens: int = 0
) -> list[tuple[Any, Any]]:
    batch = MaskingCollator(tokenizer, 0.15, seed, 100, prompt_tokens)(rows)
    found: dict[int, tuple[list[int], list[int]]] = {}
    for part in batch["passes"]:
        for place, row in enumerate(part["rows"].tolist()):
            length = int(part["attention_mask"][place].sum())
            found[row] = part["input_ids"][place, :length].tolist(), part["labels"][place, :length].tolist()
    return [found[row] for row in range(len(rows))]


@pytest.fixture(scope="module")
def texts(tokenizer: PreTrainedTokenizerFast) -> list[dict[str, Any]]:
    ids = tokenizer(sample_sentences("deu") + sample_sentences("kaz"))["input_ids"]
    return [{"text_ids": row, "draw": draw} for draw, row in enumerate(ids)]


def test_masks_depend_on_seed_and_draw_alone(tokenizer: PreTrainedTokenizerFast, texts: list[dict[str, Any]]) -> None:
    together = masked(tokenizer, texts[:20])
    assert masked(tokenizer, texts[19::-1]) == together[::-1]
    assert [masked(tokenizer, [row])[0] for row in texts[:20]] == together
    later = [row | {"draw": row["draw"] + len(texts)} for row in texts[:20]]
    assert sum(a == b for a, b in zip(masked(tokenizer, later), together, strict=True)) <= 1
    assert sum(a == b for a, b in zip(masked(tokenizer, texts[:20], seed=1), together, strict=True)) <= 1


def test_masks_hide_80_replace_10_and_leave_10_of_100_chosen_tokens(
    tokenizer: PreTrainedTokenizerFast, texts: list[dict[str, Any]]
) -> None:
    special = set(tokenizer.all_special_ids)
    kept = hidden = replaced = ordinary = 0
    for epoch in range(4):
        rows = [row | {"draw": row["draw"] + epoch * len(texts)} for row in texts]
        for row, (ids, labels) in zip(rows, masked(tokenizer, rows), strict=True):
            for before, after, label in zip(row["text_ids"], ids, labels, strict=True):
                ordinary += before not in special
                if label == -100:
                    assert after == before
                    continue
                assert label == before
                assert before not in special
                kept += after == before
                hidden += after == tokenizer.mask_token_id
                if after not in (before, tokenizer.mask_token_id):
                    assert after not in special
                    replaced += 1
    chosen = kept + hidden + replaced
    assert chosen / ordinary == pytest.approx(0.15, abs=0.01)
    assert hidden / chosen == pytest.approx(0.8, abs=0.02)
    assert replaced / chosen == pytest.approx(0.1, abs=0.015)


def test_padding_is_neither_seen_nor_predicted(tokenizer: PreTrainedTokenizerFast, texts: list[dict[str, Any]]) -> None:
    (batch,) = MaskingCollator(tokenizer, 0.15, 0, 10_000)(texts[:10])["passes"]
    padding = batch["attention_mask"] == 0
    assert padding.any()
    assert (batch["labels"][padding] == -100).all()
    assert (batch["input_ids"][padding] == tokenizer.pad_token_id).all()


def test_labels_are_those_of_the_passes_in_their_order(
    tokenizer: PreTrainedTokenizerFast, texts: list[dict[str, Any]]
) -> None:
    batch = MaskingCollator(tokenizer, 0.15, 0, 100)(texts[:20])
    labels = [label for part in batch["passes"] for row in part["labels"].tolist() for label in row if label != -100]
    assert len(batch["passes"]) > 3
    assert batch["labels"].tolist() == labels


def test_at_least_one_token_of_a_text_is_chosen_and_none_of_an_empty_one(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = [{"text_ids": ids, "draw": draw} for draw, ids in enumerate(([0, 50, 2], [0, 2]))]
    (_, one), (_, none) = masked(tokenizer, rows)
    assert sorted(one) == [-100, -100, 50]
    assert none == [-100, -100]


def test_the_prompt_is_never_chosen_and_the_share_is_of_the_texts_own_tokens(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    data = Dataset.from_dict({"text": sample_sentences("deu")})
    encoded = tokenize(data, ["text"], tokenizer, PROMPT, 64, "deu text")
    length = prompt_length(tokenizer, PROMPT)
    assert length > 3
    chosen = own = 0
    for draw in range(0, 4 * len(data), len(data)):
        rows = [row | {"draw": row["draw"] + draw} for row in map(Rows(encoded).__getitem__, range(len(encoded)))]
        for row, (ids, labels) in zip(rows, masked(tokenizer, rows, prompt_tokens=length), strict=True):
            assert ids[:length] == row["text_ids"][:length]
            assert set(labels[:length]) == {-100}
            chosen += sum(label != -100 for label in labels)
            own += len(ids) - length - 1
    assert chosen / own == pytest.approx(0.15, abs=0.01)
    assert any(set(labels[:length]) != {-100} for _, labels in masked(tokenizer, rows))  # by default


def test_a_text_cut_within_the_prompt_has_nothing_to_predict(tokenizer: PreTrainedTokenizerFast) -> None:
    ((ids, labels),) = masked(tokenizer, [{"text_ids": [0, 50, 51], "draw": 0}], prompt_tokens=4)
    assert ids == [0, 50, 51]
    assert labels == [-100] * 3


@pytest.mark.parametrize("kind", ["unigram", "bpe", "wordpiece"])
@pytest.mark.parametrize("prompt", ["", PROMPT])
def test_blocks_are_full_and_hold_every_text_in_its_order(kind: str, prompt: str) -> None:
    tokenizer = build_tokenizer(kind)
    texts = sample_sentences("deu")[:300]
    packed = pack(Dataset.from_dict({"text": texts}), tokenizer, prompt, 48, "deu text")
    start = max(prompt_length(tokenizer, prompt), 1)
    before = tokenizer(prompt.rstrip())["input_ids"][:start]
    assert packed.column_names == ["text_ids"]
    assert [len(row) for row in packed["text_ids"][:-1]] == [48] * (len(packed) - 1)
    stream: list[int] = []
    for row in packed["text_ids"]:
        assert row[:start] == before
        assert row[-1] == tokenizer.sep_token_id
        stream += row[start:-1]
    expected = [
        index
        for text in texts
        for index in (*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.sep_token_id)
    ]
    assert stream == expected[:-1]


def test_blocks_are_made_once_and_depend_on_text_tokenizer_prompt_and_length(
    tokenizer: PreTrainedTokenizerFast, caplog: pytest.LogCaptureFixture
) -> None:
    data = Dataset.from_dict({"text": sample_sentences("kaz")})
    with caplog.at_level(logging.INFO, logger="trainer.training.masking"):
        first, again = (pack(data, tokenizer, PROMPT, 32, "kaz text") for _ in range(2))
    assert f"kaz text: {len(data)} texts in {len(first)} blocks of at most 32 tokens" in caplog.text
    assert first._fingerprint == again._fingerprint
    assert first["text_ids"][:] == again["text_ids"][:]
    others = [
        pack(data.select(range(100)), tokenizer, PROMPT, 32, ""),
        pack(data, build_tokenizer("bpe"), PROMPT, 32, ""),
        pack(data, tokenizer, "", 32, ""),
        pack(data, tokenizer, PROMPT, 33, ""),
    ]
    assert len({first._fingerprint, *(other._fingerprint for other in others)}) == 5


def test_more_texts_than_are_joined_at_a_time_are_all_there(tokenizer: PreTrainedTokenizerFast) -> None:
    texts = [*sample_sentences("deu"), *sample_sentences("kaz")] * 8
    packed = pack(Dataset.from_dict({"text": texts}), tokenizer, "", 128, "text")
    lengths = [len(row) for row in packed["text_ids"]]
    assert sum(length < 128 for length in lengths) <= 2
    words = sum(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"]))
    assert sum(lengths) - 2 * len(packed) == words + len(texts) - 2


def test_an_earlier_limit_of_the_tokenizer_does_not_cut_the_texts_of_blocks() -> None:
    tokenizer = build_tokenizer()
    data = Dataset.from_dict({"text": [" ".join(sample_sentences("deu")[:20])]})
    tokenizer(data["text"][:], truncation=True, max_length=5)
    packed = pack(data, tokenizer, "", 64, "text")
    expected = len(build_tokenizer()(data[0]["text"], add_special_tokens=False)["input_ids"])
    assert sum(len(row) - 2 for row in packed["text_ids"]) == expected


def test_separators_within_blocks_are_never_chosen(tokenizer: PreTrainedTokenizerFast) -> None:
    packed = pack(Dataset.from_dict({"text": ["Hund", "Haus"] * 200}), tokenizer, PROMPT, 40, "text")
    rows = [Rows(packed)[number] for number in range(len(packed))]
    length = prompt_length(tokenizer, PROMPT)
    found = masked(tokenizer, rows, prompt_tokens=length)
    assert found[::-1] == masked(tokenizer, rows[::-1], prompt_tokens=length)
    for row, (ids, labels) in zip(rows[:-1], found[:-1], strict=True):
        special = [place for place, index in enumerate(row["text_ids"]) if index in tokenizer.all_special_ids]
        assert len(special) > 6
        assert all(labels[place] == -100 and ids[place] == row["text_ids"][place] for place in special)


def test_blocks_without_room_are_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(AdaptersHubError, match=r"la.max_length 4 leaves no room for text beside the prompt"):
        pack(Dataset.from_dict({"text": ["Hund"]}), tokenizer, PROMPT, 4, "text")
