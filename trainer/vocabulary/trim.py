"""Trim the base's vocabulary to the part that a language uses.

A sentence whose base tokens are all kept has the same tokens, and so the same vector, after trimming.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np
from datasets import Dataset
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import plain_tokenizer
from adapters_hub.errors import AdaptersHubError
from trainer.settings import SettingsError
from trainer.vocabulary.characters import Characters
from trainer.vocabulary.prompts import prompt_ids
from trainer.vocabulary.template import renumber_template
from trainer.vocabulary.tokens import TokenForms


def count_tokens(tokenizer: PreTrainedTokenizerFast, data: Dataset, prompts: Sequence[str]) -> np.ndarray:
    """Count each token id in the column `text`, without a prompt and after each prompt: `[vocabulary]`, int64."""
    counts = np.zeros(len(tokenizer), dtype=np.int64)
    for batch in data.iter(batch_size=1000):
        # The first word may get other tokens after a prompt, so every text is also counted with each prompt.
        texts = [prompt + text for prompt in {"", *prompts} for text in batch["text"]]
        for encoding in tokenizer.backend_tokenizer.encode_batch(texts):
            np.add.at(counts, encoding.ids, 1)
    return counts


def always_kept(tokenizer: PreTrainedTokenizerFast, characters: Characters, prompts: Sequence[str]) -> set[int]:
    """The ids of tokens that are kept whatever the text: tokens of prompts, single characters and bytes."""
    forms = TokenForms(json.loads(tokenizer.backend_tokenizer.to_str()))
    kept = prompt_ids(tokenizer, prompts)
    for token, index in tokenizer.get_vocab().items():
        text = forms.text(token)
        if forms.is_part_of_all(token) or (text is not None and len(text) == 1 and text in characters):
            kept.add(index)
    return kept


def trim_tokenizer(
    tokenizer: PreTrainedTokenizerFast, counts: np.ndarray, size: int, always: Set[int] = frozenset()
) -> tuple[PreTrainedTokenizerFast, np.ndarray]:
    """Trim a tokenizer to at most `size` tokens.

    Tokens are kept in this order until `size` is reached: first special tokens, bytes and those in `always`; then
    tokens that occur, the most frequent first; then tokens that do not occur but consist of occurring characters and
    symbols, single characters first, then those that the base finds most likely. The last group covers words of the
    language that the text happens to lack.

    Args:
        tokenizer: the base's tokenizer.
        counts: `[vocabulary]`, from `count_tokens`.
        size: largest number of tokens to keep.
        always: ids of tokens that are kept even if they do not occur.

    Returns:
        The trimmed tokenizer, and the kept ids, `[kept]`, ascending: row `i` of the new embeddings is row `kept[i]`
        of the base's.

    Raises:
        AdaptersHubError: this type of tokenizer cannot be trimmed.
        SettingsError: `size` is too small for the tokens that are always kept.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    model = content["model"]
    if model["type"] not in ("Unigram", "BPE", "WordPiece"):
        raise AdaptersHubError(f"a tokenizer of type {model['type']!r} cannot be trimmed: use strategy focus or keep")
    by_id = _tokens_by_id(model, content["added_tokens"])
    special = {entry["id"] for entry in content["added_tokens"]} | set(tokenizer.all_special_ids)
    forms = TokenForms(content)
    special |= {model["vocab"][token] for token in forms.bytes if token in model["vocab"]}
    parts = _merge_parts(model)
    # BPE can produce a token only if all the tokens that it is merged from are kept.
    kept = set(special).union(*(_closure(token_id, parts) for token_id in always))
    if always and len(kept) > size:
        raise SettingsError(
            f"a vocabulary of {size} tokens is too small: special tokens, the prompt, symbols and the letters of the "
            f"language take {len(kept)}: increase vocabulary.size"
        )
    texts = {index: None if index in special else forms.text(token) for index, token in by_id.items()}
    for token_id in _by_preference(model, texts, counts, kept):
        if len(kept) >= size:
            break
        needed = _closure(token_id, parts) - kept
        if len(kept) + len(needed) <= size:
            kept |= needed
    ids = np.array(sorted(kept))
    renumbered = {int(old): new for new, old in enumerate(ids)}
    _cut_model(model, renumbered, by_id)
    content["added_tokens"] = [entry | {"id": renumbered[entry["id"]]} for entry in content["added_tokens"]]
    renumber_template(content.get("post_processor"), renumbered)
    trimmed = Tokenizer.from_str(json.dumps(content))
    return plain_tokenizer(tokenizer, tokenizer_object=trimmed), ids


def _tokens_by_id(model: dict[str, Any], added: list[dict[str, Any]]) -> dict[int, str]:
    if model["type"] == "Unigram":
        tokens = {index: piece for index, (piece, _) in enumerate(model["vocab"])}
    else:
        tokens = {index: token for token, index in model["vocab"].items()}
    return tokens | {entry["id"]: entry["content"] for entry in added}


def _by_preference(
    model: dict[str, Any], texts: dict[int, str | None], counts: np.ndarray, kept: Set[int]
) -> Iterable[int]:
    """Tokens not kept yet: seen ones by frequency, then unseen ones in known characters by the base's likelihood.

    `texts` holds the text of each token, or None for special tokens and parts of characters.
    """
    seen = [int(index) for index in np.argsort(-counts, kind="stable") if counts[index] and int(index) not in kept]
    alphabet = _alphabet(texts, counts, kept)
    unseen = [
        index
        for index, text in texts.items()
        if index not in kept and (index >= len(counts) or not counts[index]) and text and set(text) <= alphabet
    ]
    if model["type"] == "Unigram":
        unseen.sort(key=lambda index: (-model["vocab"][index][1], index))
    else:
        unseen.sort()  # ids of BPE and WordPiece follow the order of training: frequent first
    # Single characters come first: with them, no word in these characters has an unknown token.
    unseen.sort(key=lambda index: len(texts[index] or "") > 1)
    return [*seen, *unseen]


def _alphabet(texts: dict[int, str | None], counts: np.ndarray, kept: Set[int]) -> set[str]:
    """The characters that unseen tokens may consist of: seen characters, and symbols.

    Letters that the text lacks are kept as single characters, but not as parts of longer tokens, which would be words
    of other languages.
    """
    seen = {letter for index, text in texts.items() if index < len(counts) and counts[index] for letter in text or ""}
    signs = {letter for index in kept for letter in texts[index] or "" if not letter.isalpha()}
    return seen | signs


def _merge_parts(model: dict[str, Any]) -> dict[int, set[int]]:
    """The tokens that each BPE token is merged from."""
    parts: dict[int, set[int]] = {}
    for left, right in model.get("merges", ()):
        whole = model["vocab"].get(left + right)
        if whole is not None:
            parts.setdefault(whole, set()).update((model["vocab"][left], model["vocab"][right]))
    return parts


def _closure(token_id: int, parts: dict[int, set[int]]) -> set[int]:
    found: set[int] = set()
    open_ids = [token_id]
    while open_ids:
        index = open_ids.pop()
        if index not in found:
            found.add(index)
            open_ids += parts.get(index, ())
    return found


def _cut_model(model: dict[str, Any], renumbered: dict[int, int], by_id: dict[int, str]) -> None:
    if model["type"] == "Unigram":
        model["vocab"] = [entry for index, entry in enumerate(model["vocab"]) if index in renumbered]
        model["unk_id"] = renumbered.get(model["unk_id"]) if model["unk_id"] is not None else None
        return
    kept = {by_id[old] for old in renumbered}
    model["vocab"] = {token: renumbered[old] for token, old in model["vocab"].items() if old in renumbered}
    if model["type"] == "BPE":
        model["merges"] = [[left, right] for left, right in model["merges"] if {left, right, left + right} <= kept]
