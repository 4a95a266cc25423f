"""Translation models: how each family receives its languages, and which models are accepted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from transformers import M2M100Tokenizer

from tests.conftest import build_tokenizer, sample_sentences
from tests.trainer.building import tiny_translator
from trainer.translation import Decoding, TranslationError, Translator, batches_of

GERMAN, KAZAKH = sample_sentences("deu")[:40], sample_sentences("kaz")[:40]


@pytest.mark.parametrize(("tokens", "size"), [(1, 9), (40, 64), (40, 2), (10_000, 64)])
def test_batches_hold_every_sentence_once_within_the_budget(tokens: int, size: int) -> None:
    lengths = [3, 17, 4, 4, 30, 9, 12, 1, 41, 8] * 3
    groups = batches_of(lengths, tokens, size)
    assert sorted(place for group in groups for place in group) == list(range(30))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[place] for place in group) <= tokens
        assert len(group) <= size
    assert [lengths[place] for group in groups for place in group] == sorted(lengths, reverse=True)
    assert batches_of([], tokens, size) == []


def save(folder: Path, tokenizer: Any, vocabulary: int) -> str:
    tokenizer.save_pretrained(folder)
    tiny_translator(vocabulary).save_pretrained(folder)
    return str(folder)


def test_m2m100_is_told_its_languages_by_its_own_codes(tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(GERMAN + KAZAKH),
        model_prefix=str(tmp_path / "pieces"),
        vocab_size=200,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "pieces.model"))
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(processor.id_to_piece(row) for row in range(3, len(processor)))]
    (tmp_path / "vocab.json").write_text(json.dumps({piece: row for row, piece in enumerate(pieces)}), encoding="utf-8")
    tokenizer = M2M100Tokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "pieces.model"))
    folder = save(tmp_path / "model", tokenizer, len(pieces) + 120)
    translator = Translator(folder, "de", "kk", Decoding(num_beams=1, max_length=4))
    made = generated(translator, GERMAN[:2])
    assert made[:, 1].tolist() == [tokenizer.get_lang_id("kk")] * 2
    assert translator.tokenizer(GERMAN[0])["input_ids"][0] == tokenizer.get_lang_id("de")
    with pytest.raises(TranslationError, match=r"does not know the language 'kaz_Cyrl'; it knows \d+, for example"):
        Translator(folder, "de", "kaz_Cyrl", Decoding())


def generated(translator: Translator, sentences: list[str]) -> torch.Tensor:
    """The token ids that the model generates."""
    found: list[torch.Tensor] = []
    whole = translator.model.generate
    translator.model.generate = lambda **options: found.append(whole(**options)) or found[-1]
    translator.translate(sentences)
    return found[0]


def test_a_model_of_one_pair_of_languages_needs_no_codes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokenizer = build_tokenizer("bpe", 300)
    folder = save(tmp_path, tokenizer, len(tokenizer))
    with caplog.at_level(logging.INFO, logger="trainer"):
        translator = Translator(folder, "deu", "kaz", Decoding(num_beams=1, max_length=4))
    assert "has no language codes: assuming that it translates from deu to kaz" in caplog.text
    assert len(translator.translate(GERMAN[:3])) == 3


def test_a_model_with_tags_for_its_target_languages_gets_one_before_the_sentence(tmp_path: Path) -> None:
    tokenizer = build_tokenizer("bpe", 300)
    tokenizer.add_tokens([">>kaz<<", ">>kir<<"], special_tokens=True)
    folder = save(tmp_path, tokenizer, len(tokenizer))
    translator = Translator(folder, "deu_Latn", "kaz_Cyrl", Decoding(num_beams=1, max_length=4))
    plain = len(tokenizer("Hund")["input_ids"])
    assert translator.lengths(["Hund"])[0] > plain
    with pytest.raises(TranslationError, match=r"does not translate to 'tur'; it knows 2, for example >>k"):
        Translator(folder, "deu", "tur", Decoding())


def test_only_sequence_to_sequence_models_with_safetensors_are_taken(
    base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(TranslationError, match="is a bert model: expected a sequence-to-sequence model"):
        Translator(str(base_folders("bert")), "deu_Latn", "kaz_Cyrl", Decoding())
    tokenizer = build_tokenizer("bpe", 300)
    save(tmp_path, tokenizer, len(tokenizer))
    Translator(str(tmp_path), "deu_Latn", "kaz_Cyrl", Decoding())
    (tmp_path / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(TranslationError, match="no translation model at .*safetensors"):
        Translator(str(tmp_path), "deu_Latn", "kaz_Cyrl", Decoding())
