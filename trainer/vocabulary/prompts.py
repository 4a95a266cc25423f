"""A base's prompts stay whole: whatever the vocabulary, they are cut as the base cuts them.

The base has learnt what its prompt means as a sequence of tokens. A tokenizer that is trained on text without the
prompt would cut it to letters.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from transformers import PreTrainedTokenizerFast

from adapters_hub.encoder import prompt_length
from trainer.settings import SettingsError
from trainer.vocabulary.editing import EditedTokenizer

_ANY = ("7", "(a)", "A", "„", "$5", "-")
"""Beginnings of sentences that a tokenizer might join with what stands before them."""


def prompt_ids(tokenizer: PreTrainedTokenizerFast, prompts: Iterable[str]) -> set[int]:
    """The ids of the tokens of prompts, without special tokens."""
    encoded = [tokenizer.backend_tokenizer.encode(prompt.rstrip(), add_special_tokens=False) for prompt in prompts]
    return {index for encoding in encoded for index in encoding.ids}


def prompt_words(base: PreTrainedTokenizerFast, prompts: Iterable[str]) -> dict[str, list[str]]:
    """The words of prompts, as the base's pre-tokenizer gives them, and the tokens of each."""
    backend = base.backend_tokenizer
    words: dict[str, list[str]] = {}
    for prompt in prompts:
        text = prompt.rstrip()
        text = backend.normalizer.normalize_str(text) if backend.normalizer is not None else text
        parts = backend.pre_tokenizer.pre_tokenize_str(text) if backend.pre_tokenizer is not None else [(text, (0, 0))]
        for word, _ in parts:
            tokens = backend.model.tokenize(word)
            if all(token.id != base.unk_token_id for token in tokens):
                words[word] = [token.value for token in tokens]
    return words


def keep_prompts(tokenizer: EditedTokenizer, words: dict[str, list[str]]) -> None:
    """Add what a tokenizer of the base's kind needs to cut the words of prompts as the base does.

    Args:
        tokenizer: it is changed.
        words: of `prompt_words`.

    Raises:
        SettingsError: words of the prompts exclude each other.
    """
    wanted = {token: None for tokens in words.values() for token in tokens}  # in their order
    if tokenizer.kind == "WordPiece":
        for token in wanted:
            tokenizer.add(token)
        for word, tokens in words.items():
            _keep_word(tokenizer, word, tokens, wanted)
        return
    tokenizer.cut({word: tokens for word, tokens in words.items() if len(tokens) > 1})
    for token in wanted:
        tokenizer.make_whole(token)


def _keep_word(tokenizer: EditedTokenizer, word: str, tokens: list[str], wanted: Container[str]) -> None:
    """WordPiece takes the longest token that fits: those that are longer than the base's go."""
    while (found := tokenizer.pieces(word)) != tokens:
        longer = next(one for one, other in zip(found, tokens, strict=False) if one != other)
        if longer in wanted:
            raise SettingsError(
                f"the base cuts {word!r} of its prompt to {' '.join(tokens)}, but {longer!r} has to be a token for "
                "another of its words: use strategy trim or keep"
            )
        tokenizer.remove(longer)


def check_prompts(
    base: PreTrainedTokenizerFast, tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str], sentences: Sequence[str]
) -> None:
    """Make sure that prompts are cut as the base cuts them, whatever sentence follows.

    Args:
        base: the base's tokenizer.
        tokenizer: the language's.
        prompts: texts that stand before sentences.
        sentences: some of the language.

    Raises:
        SettingsError: a prompt is cut otherwise.
    """
    for prompt in filter(None, prompts):
        length, own = prompt_length(base, prompt), prompt_length(tokenizer, prompt)
        alone = base.backend_tokenizer.encode(prompt.rstrip()).tokens[:length]
        texts = [prompt.rstrip(), *(prompt + sentence for sentence in (*_ANY, *sentences))]
        rows = [[encoding.tokens for encoding in by.backend_tokenizer.encode_batch(texts)] for by in (base, tokenizer)]
        for text, before, after in zip(texts, *rows, strict=True):
            # A prompt that does not end in a space may join with the sentence: then the base does so too.
            if before[:length] == alone and (after[:length] != alone or own != length):
                raise SettingsError(
                    f"in {text!r} the prompt {prompt!r} is cut to {' '.join(after[:own])}, by the base to "
                    f"{' '.join(alone)}: check vocabulary.rewrite, or use strategy trim or keep"
                )
