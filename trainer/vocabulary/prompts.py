"""Keep prompts intact: every vocabulary splits a prompt into the same tokens as the base's tokenizer does.

The base has learnt its prompt as a particular sequence of tokens. A tokenizer trained on text without the prompt would
split it into other tokens, even into single letters.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from transformers import PreTrainedTokenizerFast

from adapters_hub.encoder import prompt_length
from trainer.settings import SettingsError
from trainer.vocabulary.editing import EditedTokenizer

_ANY = ("7", "(a)", "A", "„", "$5", "-")
"""Beginnings of sentences that a tokenizer might join with the preceding text."""


def prompt_ids(tokenizer: PreTrainedTokenizerFast, prompts: Iterable[str]) -> set[int]:
    """The token ids of prompts, without special tokens."""
    encoded = [tokenizer.backend_tokenizer.encode(prompt.rstrip(), add_special_tokens=False) for prompt in prompts]
    return {index for encoding in encoded for index in encoding.ids}


def prompt_words(base: PreTrainedTokenizerFast, prompts: Iterable[str]) -> dict[str, list[str]]:
    """The words of prompts, as split by the base's pre-tokenizer, with the tokens of each."""
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
    """Change a tokenizer of the base's kind so that it splits the words, from `prompt_words`, as the base's does.

    Raises:
        SettingsError: two words of the prompts need contradictory tokens.
    """
    wanted = {token: None for tokens in words.values() for token in tokens}  # a dict keeps their order
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
    """Remove tokens that are longer than the base's, because WordPiece takes the longest token that fits."""
    while (found := tokenizer.pieces(word)) != tokens:
        longer = next(one for one, other in zip(found, tokens, strict=False) if one != other)
        if longer in wanted:
            raise SettingsError(
                f"the base splits {word!r} in its prompt into {' '.join(tokens)}, but {longer!r} must be a token for "
                "another word of the prompt: use strategy trim or keep"
            )
        tokenizer.remove(longer)


def check_prompts(
    base: PreTrainedTokenizerFast, tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str], sentences: Sequence[str]
) -> None:
    """Check that a language's tokenizer splits prompts as the base's does, whatever sentence follows.

    Raises:
        SettingsError: a prompt is split in another way.
    """
    for prompt in filter(None, prompts):
        length, own = prompt_length(base, prompt), prompt_length(tokenizer, prompt)
        alone = base.backend_tokenizer.encode(prompt.rstrip()).tokens[:length]
        texts = [prompt.rstrip(), *(prompt + sentence for sentence in (*_ANY, *sentences))]
        rows = [[encoding.tokens for encoding in by.backend_tokenizer.encode_batch(texts)] for by in (base, tokenizer)]
        for text, before, after in zip(texts, *rows, strict=True):
            # If the base itself joins a prompt that does not end in a space with the sentence, the check is skipped.
            if before[:length] == alone and (after[:length] != alone or own != length):
                raise SettingsError(
                    f"in {text!r} the prompt {prompt!r} is split into {' '.join(after[:own])}, by the base into "
                    f"{' '.join(alone)}: check vocabulary.rewrite, or use strategy trim or keep"
                )
