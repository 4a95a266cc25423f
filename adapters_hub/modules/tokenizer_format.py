"""Check that a `tokenizer.json` has only parts that the tokenizers of bases have too, and keeps within bounds.

A tokenizer is a small program that replaces, repeats and searches. If somebody else made it, it must neither take
memory or time out of proportion to a text, nor give token ids that the embeddings do not have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from adapters_hub.modules.growth import most_growth, table_entries
from adapters_hub.modules.patterns import Match, check_pattern

LARGEST_FILE = 256 << 20
"""Largest `tokenizer.json`, in bytes; that of Gemma, with 262,144 tokens, has 33 million."""

# fmt: off
_KEYS = frozenset((
    "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder",
    "model",
))
_NORMALIZERS = frozenset((
    "Sequence", "BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "Prepend", "Replace",
    "Strip", "StripAccents",
))
_PRE_TOKENIZERS = frozenset((
    "Sequence", "BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Punctuation", "Split", "UnicodeScripts",
    "Whitespace", "WhitespaceSplit",
))
_POST_PROCESSORS = frozenset(("Sequence", "BertProcessing", "ByteLevel", "RobertaProcessing", "TemplateProcessing"))
_DECODERS = frozenset((
    "Sequence", "BPEDecoder", "ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Strip", "WordPiece",
))
_MODELS = frozenset(("BPE", "Unigram", "WordPiece"))
# fmt: on

_MOST_RULES = 1000  # normalizers; rewriting a script takes about a hundred
_MOST_STEPS = 12  # pre-tokenizers, post-processors or decoders
_MOST_SPECIAL = 16  # special tokens that are added to a sentence
_MOST_GROWTH = 256  # characters that one character may become; a lower-cased XLM-R that composes reaches 162
_LONGEST_TOKEN = 1024  # characters
_LONGEST_TEXT = 32  # characters that a rule inserts
_LONGEST_ENTRY = 64  # bytes that a SentencePiece table inserts for one match; SentencePiece's own insert up to 33
_LONGEST_WORD = 256  # characters of a word that WordPiece splits, in quadratic time


def check_tokenizer(content: object, rows: int | None = None) -> None:
    """Refuse the content of a `tokenizer.json` if it has unsupported parts, or parts out of bounds.

    Raises:
        ValueError: there is such a part; the message names it in one line.
    """
    values = _fields(content, "the file")
    if odd := sorted(set(values) - _KEYS):
        raise ValueError(f"the entry {odd[0]!r:.80} is unknown")
    normalizers = _flat(values.get("normalizer"), "normalizers", _NORMALIZERS, _MOST_RULES)
    steps = _flat(values.get("pre_tokenizer"), "pretokenizers", _PRE_TOKENIZERS, _MOST_STEPS)
    processors = _flat(values.get("post_processor"), "processors", _POST_PROCESSORS, _MOST_STEPS)
    decoders = _flat(values.get("decoder"), "decoders", _DECODERS, _MOST_STEPS)
    _check_normalizers(normalizers)
    for step in steps:
        if step["type"] == "Split":
            _pattern(step, "Split")
    for kind in ("Metaspace", "ByteLevel"):
        if sum(step["type"] == kind for step in steps) > 1:  # each makes every piece longer
            raise ValueError(f"several {kind} pre-tokenizers are not supported")
    for step in decoders:
        if step["type"] == "Replace":
            _pattern(step, "Replace")
        _text(step.get("content", ""), "a decoder's text")
    largest = max(_check_model(values.get("model")), _check_added(values.get("added_tokens")))
    largest = max(largest, _check_processors(processors))
    if rows is not None and largest >= rows:
        raise ValueError(f"it gives the token id {largest}, the embeddings have {rows} rows")


def _flat(part: object, key: str, known: frozenset[str], most: int) -> list[dict[str, Any]]:
    """The steps of a part as one list, in which the steps of a sequence replace it."""
    waiting, found = [part] if part is not None else [], []
    while waiting:
        step = _fields(waiting.pop(0), f"one of the {key}")
        kind = step.get("type")
        if not isinstance(kind, str) or kind not in known:
            raise ValueError(f"{kind!r:.80} is not supported among its {key}; supported are {', '.join(sorted(known))}")
        if kind == "Sequence":
            inner = step.get(key)
            if not isinstance(inner, list) or len(inner) > most:
                raise ValueError(f"a sequence of {key} is not a list of up to {most}")
            waiting[:0] = inner
        else:
            found.append(step)
        if len(found) + len(waiting) > most:
            raise ValueError(f"it has more than {most} {key}")
    return found


def _check_normalizers(steps: list[dict[str, Any]]) -> None:
    replaced: dict[int, Match] = {}
    for place, step in enumerate(steps):
        if step["type"] == "Replace":
            replaced[place] = _pattern(step, "Replace")
            _text(step.get("content"), "the replacement of a Replace normalizer")
        elif step["type"] == "Prepend":
            _text(step.get("prepend"), "the prefix of a Prepend normalizer", 4)
        elif step["type"] == "Precompiled" and max(map(len, table_entries(step))) > _LONGEST_ENTRY:
            raise ValueError(f"the table of its Precompiled normalizer inserts over {_LONGEST_ENTRY} bytes at once")
    for kind, most in (("Precompiled", 1), ("Prepend", 2)):
        if sum(step["type"] == kind for step in steps) > most:
            raise ValueError(f"more than {most} {kind} normalizers are not supported")
    if (growth := most_growth(steps, replaced)) > _MOST_GROWTH:
        raise ValueError(f"its rules make up to {growth:.3g} characters out of one, at most {_MOST_GROWTH} are allowed")


def _check_model(model: object) -> int:
    """Check the model, and return its largest token id."""
    values = _fields(model, "the model")
    kind, vocabulary = values.get("type"), values.get("vocab")
    if kind not in _MODELS:
        raise ValueError(f"the model type {kind!r:.80} is not supported; supported are {', '.join(sorted(_MODELS))}")
    if values.get("dropout"):
        raise ValueError("its BPE model has dropout, which gives a sentence other tokens in each call")
    for name in ("unk_token", "continuing_subword_prefix", "end_of_word_suffix"):
        _text(values.get(name) or "", name)
    if not _is_number(values.get("max_input_chars_per_word", 0), _LONGEST_WORD):
        raise ValueError(f"max_input_chars_per_word is not a number up to {_LONGEST_WORD}")
    if kind == "Unigram":
        if not isinstance(vocabulary, list) or not all(
            isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) for entry in vocabulary
        ):
            raise ValueError("its Unigram model has no list of pieces with scores")
        if not all(type(score) in (int, float) and math.isfinite(score) for _, score in vocabulary):
            raise ValueError("a score of its Unigram model is not a finite number")
        tokens, largest = [piece for piece, _ in vocabulary], len(vocabulary) - 1
        if values.get("unk_id") is not None and not _is_number(values["unk_id"], largest):
            raise ValueError("the unk_id of its Unigram model is not in its vocabulary")
    else:
        if not isinstance(vocabulary, dict) or not all(_is_number(row, LARGEST_FILE) for row in vocabulary.values()):
            raise ValueError(f"its {kind} model has no table of tokens with ids")
        tokens, largest = list(vocabulary), max(vocabulary.values(), default=-1)
    if not tokens or max(map(len, tokens)) > _LONGEST_TOKEN:
        raise ValueError(f"its vocabulary is empty, or has a token of over {_LONGEST_TOKEN} characters")
    return largest


def _check_added(entries: object) -> int:
    """Check the added tokens, and return their largest id."""
    largest = -1
    for entry in entries if isinstance(entries, list) else [entries] if entries is not None else []:
        values = _fields(entry, "an added token")
        token, row = values.get("content"), values.get("id")
        sound = isinstance(token, str) and 1 <= len(token) <= _LONGEST_TOKEN
        if not sound or not isinstance(row, int) or not _is_number(row, LARGEST_FILE):
            raise ValueError(f"an added token has no id, or does not have 1 to {_LONGEST_TOKEN} characters")
        largest = max(largest, row)
    return largest


def _check_processors(steps: list[dict[str, Any]]) -> int:
    """Check the post-processors, and return the largest token id that they add."""
    adding = [step for step in steps if step["type"] != "ByteLevel"]
    if len(adding) > 1:
        raise ValueError("several post-processors that add tokens are not supported")
    ids: list[int] = []
    for step in adding:
        if step["type"] != "TemplateProcessing":
            for name in ("sep", "cls"):
                pair = step.get(name)
                if not isinstance(pair, list) or len(pair) != 2 or not _is_number(pair[1], LARGEST_FILE):
                    raise ValueError(f"its {step['type']} has no {name} with an id")
                ids.append(pair[1])
            continue
        table = step.get("special_tokens")
        table = table if isinstance(table, dict) else {}
        _check_template(step.get("single"), {"A"}, table)
        _check_template(step.get("pair"), {"A", "B"}, table)
        for entry in table.values():
            own = _fields(entry, "a special token").get("ids")
            if not isinstance(own, list) or len(own) != 1 or not _is_number(own[0], LARGEST_FILE):
                raise ValueError("a special token of its template does not have exactly one id")
            ids += own
    return max(ids, default=-1)


def _check_template(pieces: object, sequences: set[str], special: Mapping[str, Any]) -> None:
    """Check that a template has each of its one or two texts once, and few special tokens around them."""
    if not isinstance(pieces, list):
        raise ValueError(f"its template is no list of parts but {type(pieces).__name__}")
    if len(pieces) > _MOST_SPECIAL + 2:
        raise ValueError(f"its template has over {_MOST_SPECIAL} special tokens")
    found = []
    for piece in pieces:
        kind, values = next(iter(_fields(piece, "a part of its template").items()), ("", None))
        name = _fields(values, "a part of its template").get("id")
        if kind == "Sequence":
            found.append(name)
        elif kind != "SpecialToken" or not isinstance(name, str) or name not in special:
            raise ValueError(f"its template names {name!r:.80}, which is not one of its special tokens")
    if sorted(map(str, found)) != sorted(sequences):
        raise ValueError("its template does not have each text once")


def _pattern(step: Mapping[str, Any], what: str) -> Match:
    pattern = step.get("pattern")
    kind, text = next(iter(pattern.items())) if isinstance(pattern, dict) and len(pattern) == 1 else ("", None)
    if not isinstance(text, str) or not text or kind not in ("String", "Regex"):
        raise ValueError(f"its {what} has no pattern")
    if kind == "Regex":
        return check_pattern(text)
    if len(text) > _LONGEST_TOKEN:
        raise ValueError(f"its {what} has a pattern of {len(text)} characters")
    return Match(len(text), frozenset(text))


def _text(value: object, what: str, most: int = _LONGEST_TEXT) -> None:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{what} is not a text of up to {most} characters")


def _fields(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not a JSON object")
    return value


def _is_number(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
