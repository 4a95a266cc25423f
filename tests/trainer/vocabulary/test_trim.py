from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from tokenizers import Tokenizer, models, processors
from transformers import PreTrainedTokenizerFast

from adapters_hub import AdaptersHubError, BaseEncoder, LanguageModule, ModularEncoder
from adapters_hub.format import LanguageModuleManifest
from tests.conftest import SPECIAL, build_tokenizer, sample_sentences
from trainer.runs.records import base_reference
from trainer.settings import VocabularySettings
from trainer.vocabulary import build_vocabulary, count_tokens, trim_tokenizer

KINDS = ("unigram", "bpe", "wordpiece")
KAZAKH = sample_sentences("kaz")
SEEN = KAZAKH[:100]
CORPUS = [*KAZAKH, *sample_sentences("deu"), *sorted({word for text in KAZAKH for word in text.split()})]


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, PreTrainedTokenizerFast]:
    """A tokenizer trained on German and Kazakh, half of which a Kazakh module does not need."""
    return {kind: build_tokenizer(kind) for kind in KINDS}


def trimmed(
    base: PreTrainedTokenizerFast, size: int, text: Sequence[str] = SEEN
) -> tuple[PreTrainedTokenizerFast, np.ndarray]:
    return trim_tokenizer(base, count_tokens(base, Dataset.from_dict({"text": list(text)}), []), size)


def test_counts_are_of_every_token_of_the_text_with_and_without_the_prompt(
    tokenizers: dict[str, PreTrainedTokenizerFast],
) -> None:
    base = tokenizers["unigram"]
    data = Dataset.from_dict({"text": SEEN})
    expected = np.zeros(len(base), dtype=int)
    for row in base(SEEN)["input_ids"]:
        np.add.at(expected, row, 1)
    assert np.array_equal(count_tokens(base, data, []), expected)
    for row in base([f"query: {text}" for text in SEEN])["input_ids"]:
        np.add.at(expected, row, 1)
    assert np.array_equal(count_tokens(base, data, ["query: "]), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [100, 250, 400, 800])
def test_a_text_whose_tokens_are_all_kept_has_the_same_tokens(
    tokenizers: dict[str, PreTrainedTokenizerFast], kind: str, size: int
) -> None:
    base = tokenizers[kind]
    small, kept = trimmed(base, size)
    there = set(kept.tolist())
    covered = [(text, ids) for text, ids in zip(CORPUS, base(CORPUS)["input_ids"], strict=True) if set(ids) <= there]
    assert len(covered) > {100: 20, 250: 200, 400: 500, 800: 1000}[size]
    for (_, ids), found in zip(covered, small([text for text, _ in covered])["input_ids"], strict=True):
        assert kept[found].tolist() == ids
        assert small.convert_ids_to_tokens(found) == base.convert_ids_to_tokens(ids)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [60, 250, 799, 10_000])
def test_the_size_is_respected_and_used(tokenizers: dict[str, PreTrainedTokenizerFast], kind: str, size: int) -> None:
    base = tokenizers[kind]
    small, kept = trimmed(base, size, text=[*KAZAKH, *sample_sentences("deu")])
    assert len(small) == len(kept) <= min(size, len(base))
    assert len(kept) >= min(size, len(base)) - 2
    assert (np.diff(kept) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_and_the_template_are_kept_at_any_size(
    tokenizers: dict[str, PreTrainedTokenizerFast], kind: str
) -> None:
    base = tokenizers[kind]
    small, kept = trimmed(base, 40)
    for token in (*SPECIAL, "<mask>"):
        assert kept[small.convert_tokens_to_ids(token)] == base.convert_tokens_to_ids(token)
    for role in ("bos", "eos", "cls", "sep", "pad", "unk", "mask"):
        assert getattr(small, f"{role}_token") == getattr(base, f"{role}_token")
    ids = small("Қар")["input_ids"]
    assert (ids[0], ids[-1]) == (small.bos_token_id, small.eos_token_id)
    assert small.convert_ids_to_tokens([ids[0], ids[-1]]) == ["<s>", "</s>"]


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_at_the_end_of_the_vocabulary_are_renumbered(kind: str) -> None:
    base = build_tokenizer(kind)
    base.add_special_tokens({"additional_special_tokens": ["<last>"]})
    small, kept = trimmed(base, 200)
    assert len(small) == len(kept) <= 200
    last = small.convert_tokens_to_ids("<last>")
    assert kept[last] == len(base) - 1
    assert small("<last>")["input_ids"] == [small.bos_token_id, last, small.eos_token_id]


@pytest.mark.parametrize("processor", ["template", "roberta", "bert", "sequence"])
def test_the_ids_in_the_template_follow_their_tokens(processor: str) -> None:
    base = build_tokenizer("bpe")
    base.add_special_tokens({"additional_special_tokens": ["<first>", "<last>"]})
    first, last = (("<first>", len(base) - 2), ("<last>", len(base) - 1))
    template = processors.TemplateProcessing(single="<first> $A <last>", special_tokens=[first, last])
    base.backend_tokenizer.post_processor = {
        "template": template,
        "roberta": processors.RobertaProcessing(last, first),
        "bert": processors.BertProcessing(last, first),
        "sequence": processors.Sequence([processors.ByteLevel(), template]),
    }[processor]
    small, kept = trimmed(base, 200)
    for text in SEEN[:5]:
        ids = small(text)["input_ids"]
        assert kept[[ids[0], ids[-1]]].tolist() == [len(base) - 2, len(base) - 1]
        assert max(ids) < len(small)


@pytest.mark.parametrize("kind", KINDS)
def test_it_reads_back_from_disk_as_it_was(
    tokenizers: dict[str, PreTrainedTokenizerFast], kind: str, tmp_path: Path
) -> None:
    small, _ = trimmed(tokenizers[kind], 250)
    small.save_pretrained(tmp_path)
    assert PreTrainedTokenizerFast.from_pretrained(tmp_path)(KAZAKH)["input_ids"] == small(KAZAKH)["input_ids"]


@pytest.mark.parametrize("kind", ["unigram", "wordpiece"])
def test_frequent_tokens_come_first(tokenizers: dict[str, PreTrainedTokenizerFast], kind: str) -> None:
    base = tokenizers[kind]
    counts = count_tokens(base, Dataset.from_dict({"text": SEEN}), [])
    _, kept = trimmed(base, 150)
    ordinary = np.setdiff1d(kept, base.all_special_ids)
    assert counts[np.setdiff1d(np.arange(len(base)), kept)].max() <= counts[ordinary].min()


def test_what_a_bpe_token_is_merged_from_comes_with_it(tokenizers: dict[str, PreTrainedTokenizerFast]) -> None:
    """Otherwise it could never be reached."""
    small, _ = trimmed(tokenizers["bpe"], 150)
    ordinary = set(small.get_vocab()) - {*SPECIAL, "<mask>"}
    model = small.backend_tokenizer.model
    assert [word for word in ordinary if [token.value for token in model.tokenize(word)] != [word]] == []


@pytest.mark.parametrize("kind", KINDS)
def test_other_alphabets_are_left_out(tokenizers: dict[str, PreTrainedTokenizerFast], kind: str) -> None:
    latin = set("abcdefghijklmnopqrstuvwxyzäöüß")
    text = [text.lower() for text in SEEN if not set(text.lower()) & latin]
    small, _ = trimmed(tokenizers[kind], 10_000, text)
    ordinary = set(small.get_vocab()) - {*SPECIAL, "<mask>"}
    assert len(ordinary) > 200
    assert not {letter for token in ordinary for letter in token} & latin


@pytest.mark.parametrize("kind", KINDS)
def test_unseen_text_in_the_same_letters_has_no_unknown_tokens(
    tokenizers: dict[str, PreTrainedTokenizerFast], kind: str
) -> None:
    """This holds as soon as the single characters fit beside the tokens that the text uses."""
    base = tokenizers[kind]
    few = SEEN[:30]
    counts = count_tokens(base, Dataset.from_dict({"text": few}), [])
    letters = {letter for text in few for letter in text}
    unseen_letters = [
        row
        for token, row in base.get_vocab().items()
        if token.removeprefix("##") in letters and len(token.removeprefix("##")) == 1 and not counts[row]
    ]
    assert len(unseen_letters) > 5
    size = int((counts > 0).sum()) + len(unseen_letters) + len(base.all_special_ids)
    small, _ = trim_tokenizer(base, counts, size)
    words = sorted({word for text in KAZAKH for word in text.split() if set(word) <= letters})
    known = [word for word, ids in zip(words, base(words)["input_ids"], strict=True) if base.unk_token_id not in ids]
    assert len(known) > 500
    assert [word for word, ids in zip(known, small(known)["input_ids"], strict=True) if small.unk_token_id in ids] == []


def test_a_tokenizer_of_another_kind_is_refused() -> None:
    words = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1}, unk_token="<unk>"))
    base = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>")
    with pytest.raises(AdaptersHubError, match="'WordLevel' cannot be trimmed: use strategy focus or keep"):
        trim_tokenizer(base, np.ones(2, dtype=np.int64), 2)


def test_vectors_of_the_trimmed_vocabulary_are_the_bases_to_the_last_bit(
    bases: Callable[[str], BaseEncoder], tmp_path: Path
) -> None:
    base = bases("xlm-roberta")
    settings = VocabularySettings(strategy="trim", size=500)
    data = Dataset.from_dict({"text": SEEN})
    vocabulary = build_vocabulary(base, settings, "kaz", data, None, 0, prompts=[])
    assert len(vocabulary.embeddings) < base.token_embeddings.num_embeddings
    manifest = LanguageModuleManifest(language="kaz", base=base_reference(base), dimension=base.dimension)
    encoder = ModularEncoder(base.copy(), device="cpu")
    encoder.add_module(LanguageModule(manifest, vocabulary.tokenizer, vocabulary.embeddings, {}, tmp_path))
    assert np.array_equal(encoder.encode(SEEN, "kaz"), encoder.encode(SEEN, None))
