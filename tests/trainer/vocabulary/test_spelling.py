"""Vocabularies that spell characters byte by byte, both trimmed and newly trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import plain_tokenizer
from tests.conftest import OWN_TOKENIZERS, build_tokenizer, sample_sentences
from trainer.vocabulary import count_tokens, train_tokenizer, trim_tokenizer
from trainer.vocabulary.tokens import reads_spaces_as_letters

KINDS = tuple(OWN_TOKENIZERS)
KAZAKH, TURKISH = sample_sentences("kaz"), sample_sentences("tur")
SEEN = KAZAKH[:100]
STRANGE = ["你好 — 世界", "🎈🎈 ok", "Żółć\tና", "a  b"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def base(kind: str) -> PreTrainedTokenizerFast:
    return plain_tokenizer(OWN_TOKENIZERS[kind](800))


def trimmed(base: PreTrainedTokenizerFast, size: int) -> tuple[PreTrainedTokenizerFast, np.ndarray]:
    return trim_tokenizer(base, count_tokens(base, Dataset.from_dict({"text": SEEN}), ""), size)


def spells(tokenizer: PreTrainedTokenizerFast, text: str) -> bool:
    ids = tokenizer(text)["input_ids"]
    return tokenizer.unk_token_id not in ids and tokenizer.decode(ids, skip_special_tokens=True) == text


@pytest.mark.parametrize("size", [100, 300, 600])
def test_a_trimmed_vocabulary_spells_any_text(base: PreTrainedTokenizerFast, size: int, tmp_path: Path) -> None:
    small, kept = trimmed(base, size)
    assert len(small) == len(kept) <= max(size, 256 + 6)
    assert all(spells(small, text) for text in (*STRANGE, *TURKISH[:20]))
    small.save_pretrained(tmp_path)
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert again(STRANGE)["input_ids"] == small(STRANGE)["input_ids"]


@pytest.mark.parametrize("size", [600, 700])
def test_a_text_whose_tokens_are_all_kept_has_the_same_tokens(base: PreTrainedTokenizerFast, size: int) -> None:
    small, kept = trimmed(base, size)
    there = set(kept.tolist())
    covered = [(text, ids) for text, ids in zip(KAZAKH, base(KAZAKH)["input_ids"], strict=True) if set(ids) <= there]
    assert len(covered) > 40
    for text, ids in covered:
        assert kept[small(text)["input_ids"]].tolist() == ids


def test_a_trained_vocabulary_spells_any_text_and_knows_its_own_better(
    base: PreTrainedTokenizerFast, kind: str, tmp_path: Path
) -> None:
    trained = train_tokenizer(base, Dataset.from_dict({"text": TURKISH}), 700)
    assert 500 < len(trained) <= 700
    assert sorted(trained.get_vocab().values()) == list(range(len(trained)))
    assert all(spells(trained, text) for text in (*STRANGE, *TURKISH))
    own, before = trained(TURKISH)["input_ids"], base(TURKISH)["input_ids"]
    assert sum(map(len, own)) < sum(map(len, before))
    for role in ("bos_token", "eos_token", "pad_token", "unk_token", "mask_token"):
        assert getattr(trained, role) == getattr(base, role)
    ends = {"qwen3": (None, "<|endoftext|>"), "gemma3_text": ("<bos>", "<eos>")}[kind]
    for ids in (own[0], trained(TURKISH[0], truncation=True, max_length=5)["input_ids"]):
        tokens = trained.convert_ids_to_tokens(ids)
        assert tokens[-1] == ends[1]
        assert ends[0] in (None, tokens[0])
    trained.save_pretrained(tmp_path)
    assert PreTrainedTokenizerFast.from_pretrained(tmp_path)(TURKISH)["input_ids"] == own
    assert trained.padding_side == "left"


def test_the_template_follows_its_tokens_from_the_end_of_the_vocabulary_to_its_start(kind: str) -> None:
    """As in Qwen's tokenizer, where special tokens follow 151,643 others, while a new vocabulary has them first."""
    base = plain_tokenizer(OWN_TOKENIZERS[kind](800))
    trained = train_tokenizer(base, Dataset.from_dict({"text": TURKISH}), 500)
    large = train_tokenizer(trained, Dataset.from_dict({"text": KAZAKH}), 600)
    for tokenizer in (trained, large):
        assert tokenizer("bir")["input_ids"][-1] == tokenizer.convert_tokens_to_ids(
            base.convert_ids_to_tokens(base("bir")["input_ids"][-1])
        )


def test_no_token_spans_words_where_nothing_divides_the_text() -> None:
    base = plain_tokenizer(OWN_TOKENIZERS["gemma3_text"](800))
    assert reads_spaces_as_letters(base)
    assert not any(reads_spaces_as_letters(build_tokenizer(other)) for other in ("bpe", "unigram", "wordpiece"))
    trained = train_tokenizer(base, Dataset.from_dict({"text": ["bir iki üç dört beş"] * 50}), 600)
    assert not [token for token in trained.get_vocab() if "▁" in token.lstrip("▁")]
    assert "▁dört" in trained.get_vocab()
