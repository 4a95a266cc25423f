"""The library's promise: nothing done to another language changes a bit of a language's vectors."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from adapters_hub import ModularEncoder
from adapters_hub.base import plain_tokenizer
from tests.adapters_hub.builders import make_language
from tests.adapters_hub.conftest import Bases, Shelf
from tests.conftest import ARCHITECTURES, OWN_TOKENIZERS, build_tokenizer

ALIGN = {"deu": "both", "kaz": {"paraphrase": 0.7, "parallel": 0.3}}


@pytest.fixture(scope="module")
def full(shelf: Shelf) -> ModularEncoder:
    """An encoder with all modules; the results must not depend on the order in which tests change it."""
    return shelf.encoder(*shelf.folders)


def test_a_language_alone_has_the_same_bits_as_among_others(
    shelf: Shelf, full: ModularEncoder, german: list[str], kazakh: list[str]
) -> None:
    full.encode(kazakh, "kaz", align=ALIGN)
    alone = shelf.encoder(shelf.deu.folder)
    np.testing.assert_array_equal(alone.encode(german, "deu"), full.encode(german, "deu"))
    alone.add_module(shelf.deu_both.folder)
    np.testing.assert_array_equal(alone.encode(german, "deu", align=True), full.encode(german, "deu", align=True))


def test_vectors_keep_their_bits_while_other_modules_come_and_go(
    shelf: Shelf, german: list[str], kazakh: list[str], english: list[str]
) -> None:
    encoder = shelf.encoder(shelf.deu.folder)
    expected = encoder.encode(german, "deu")

    def check() -> None:
        np.testing.assert_array_equal(encoder.encode(german, "deu"), expected)

    for module in (shelf.eng, shelf.kaz, shelf.kaz_paraphrase, shelf.kaz_parallel, shelf.deu_both):
        encoder.add_module(module.folder)
        check()
    encoder.encode(kazakh, "kaz", align=ALIGN)
    encoder.encode(english, "eng")
    check()
    encoder.remove_module("kaz", "paraphrase")
    check()
    encoder.encode(kazakh, "kaz", align=True)
    encoder.remove_module("kaz")
    check()
    encoder.remove_module("eng")
    encoder.remove_module("deu", "both")
    check()
    encoder.remove_module("deu")
    encoder.add_module(shelf.deu.folder)
    check()


def test_the_order_of_calls_does_not_matter(
    shelf: Shelf, full: ModularEncoder, german: list[str], kazakh: list[str], english: list[str]
) -> None:
    texts = {None: english, "eng": english, "deu": german, "kaz": kazakh}
    calls = [(code, align) for code in texts for align in (False, ALIGN)]
    expected = {
        str(call): shelf.encoder(*shelf.folders).encode(texts[call[0]], call[0], align=call[1]) for call in calls
    }
    for seed in range(3):
        for call in random.Random(seed).sample(calls * 2, 2 * len(calls)):
            found = full.encode(texts[call[0]], call[0], align=call[1])
            np.testing.assert_array_equal(found, expected[str(call)], err_msg=str(call))


@pytest.mark.parametrize("align", [False, ALIGN], ids=["alone", "aligned"])
def test_languages_mixed_in_one_call_are_the_same_as_each_alone(
    full: ModularEncoder, german: list[str], kazakh: list[str], english: list[str], align: bool | dict[str, object]
) -> None:
    texts = {"deu": german, "kaz": kazakh, "eng": english, None: english}
    pairs = [(text, code) for code, group in texts.items() for text in group]
    random.Random(0).shuffle(pairs)
    mixed = full.encode([text for text, _ in pairs], [code for _, code in pairs], align=align, batch_size=5)
    for code, group in texts.items():
        rows = [pairs.index((text, code)) for text in group]
        np.testing.assert_array_equal(mixed[rows], full.encode(group, code, align=align, batch_size=5))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_on_every_architecture_order_repetition_and_history_change_no_bit(
    bases: Bases, tmp_path: Path, german: list[str], architecture: str
) -> None:
    base = bases(architecture)
    tokenizer = plain_tokenizer(OWN_TOKENIZERS.get(architecture, lambda size: build_tokenizer("bpe", size))(500))
    folders = [make_language(base, tmp_path / code, code, seed).folder for seed, code in enumerate(("eng", "kaz"))]
    folders.append(make_language(base, tmp_path / "deu", "deu", 7, tokenizer).folder)
    encoder = ModularEncoder(base.copy(), folders, device="cpu")
    expected = ModularEncoder(base.copy(), [folders[-1]], device="cpu").encode(german, "deu", batch_size=5)
    encoder.encode(german, "kaz")
    for seed in range(3):
        order = random.Random(seed).choices(range(len(german)), k=30)
        order += [index for index in range(len(german)) if index not in order]
        found = encoder.encode([german[index] for index in order], "deu", batch_size=5)
        np.testing.assert_array_equal(found, expected[order])


@pytest.mark.parametrize("batch_size", [1, 3, 5, 32])
def test_shuffled_sentences_get_the_vectors_of_their_own_places(
    full: ModularEncoder, german: list[str], batch_size: int
) -> None:
    expected = full.encode(german, "deu", batch_size=batch_size)
    assert len(np.unique(expected, axis=0)) == len(german)
    for seed in range(3):
        order = random.Random(seed).sample(range(len(german)), len(german))
        found = full.encode([german[index] for index in order], "deu", batch_size=batch_size)
        np.testing.assert_array_equal(found, expected[order])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 7])
def test_the_same_sentence_has_the_same_vector_wherever_it_stands_in_a_call(
    full: ModularEncoder, german: list[str], batch_size: int
) -> None:
    vectors = full.encode([*german, *german, *german], "deu", batch_size=batch_size).reshape(3, len(german), -1)
    np.testing.assert_array_equal(vectors[1:], np.stack([vectors[0], vectors[0]]))


def test_the_base_is_untouched_after_modules_were_active(
    shelf: Shelf, full: ModularEncoder, german: list[str], kazakh: list[str], english: list[str]
) -> None:
    full.encode([*german, *kazakh], ["deu"] * len(german) + ["kaz"] * len(kazakh), align=ALIGN)
    base = shelf.base.copy()
    np.testing.assert_array_equal(full.encode(english, None), ModularEncoder(base, device="cpu").encode(english, None))
    plain = shelf.base.backbone
    with torch.no_grad():
        hidden = plain(**shelf.base.tokenizer([english[0]], return_tensors="pt")).last_hidden_state.mean(1)
    np.testing.assert_array_equal(full.encode(english[0], None, normalize=False), hidden[0].numpy())
    full.encode(german, "deu", align=True)
    full.encode(english, None)
    for (name, found), (_, expected) in zip(
        full.base.backbone.state_dict().items(), plain.state_dict().items(), strict=True
    ):
        assert torch.equal(found, expected), name


def test_in_half_precision_too_history_does_not_matter(shelf: Shelf, kazakh: list[str]) -> None:
    def encoder() -> ModularEncoder:
        return ModularEncoder(shelf.base.copy(), shelf.folders, device="cpu", dtype=torch.bfloat16)

    blended, used = {"kaz": {"paraphrase": 0.7, "parallel": 0.3}}, encoder()
    for objective in ("paraphrase", "parallel"):
        used.encode(kazakh, "kaz", align={"kaz": objective})
    used.encode(kazakh, None)
    expected = encoder().encode(kazakh, "kaz", align=blended)
    np.testing.assert_array_equal(used.encode(kazakh, "kaz", align=blended), expected)
    assert expected.dtype == np.float32
