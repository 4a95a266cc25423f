"""Language tags: the source-language token that tokenizers of NLLB, SONAR, M2M100 and mBART put into each sequence."""

from __future__ import annotations

import copy
import functools
import json
import logging
import re
from typing import Any

import langcodes
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from adapters_hub.languages import check_language

logger = logging.getLogger(__name__)

# kaz_Cyrl (NLLB), __kk__ (M2M100), kk_KZ (mBART)
_TAG = re.compile(
    r"(?P<nllb>[a-z]{3}_[A-Z][a-z]{3})|__(?P<m2m>[a-z]{2,3}(_[A-Z][a-z]{3})?)__|(?P<mbart>[a-z]{2,3})_[A-Z]{2}"
)
# Largest distance between two languages that may share a tag, such as Bokmål and Norwegian, or Dari and Persian.
_SAME = 4


def tag_of(tokenizer: PreTrainedTokenizerFast) -> str | None:
    """The tag that a tokenizer puts into every sequence; None if it puts none."""
    special = _post_processor(tokenizer.backend_tokenizer).get("special_tokens")
    return next((token for token in special or () if _TAG.fullmatch(token)), None)


def tags_of(tokenizer: PreTrainedTokenizerFast) -> tuple[str, ...]:
    """All tags that a tokenizer knows; empty if it does not put one into every sequence."""
    if tag_of(tokenizer) is None:
        return ()
    added = tokenizer.backend_tokenizer.get_added_tokens_decoder().values()
    return tuple(sorted(token.content for token in added if _TAG.fullmatch(token.content)))


def for_language(tokenizer: PreTrainedTokenizerFast, language: str | None) -> PreTrainedTokenizerFast:
    """The same tokenizer, set to the tag of a language.

    If the language is None, or has no tag (which the log says), it keeps its default tag.

    Returns:
        The tokenizer itself if nothing changes, else one that shares its vocabulary in memory.
    """
    present = tag_of(tokenizer) if language is not None else None
    if present is None or language is None:
        return tokenizer
    tag = closest_tag(language, tags_of(tokenizer))
    if tag is None:
        _say_once(language, present)
        return tokenizer
    if tag == present:
        return tokenizer
    content = _post_processor(tokenizer.backend_tokenizer)
    _rename(content, present, tag, tokenizer.get_vocab()[tag])
    return _with_post_processor(tokenizer, content)


@functools.cache
def closest_tag(language: str, tags: tuple[str, ...]) -> str | None:
    """The tag that fits a language best, preferably of the same language and script; None if none fits.

    Macro-languages and their main languages stand for each other: `uzn` and `uz`, `cmn` and `zh`, `ekk` and `et`.
    """
    wanted = langcodes.Language.get(check_language(language).replace("_", "-"))
    ranked = []
    for tag in tags:
        own = _language(tag)
        distance = langcodes.tag_distance(wanted, own)
        exact = wanted.language == own.language
        alike = wanted.prefer_macrolanguage().language == own.prefer_macrolanguage().language
        if exact or alike or distance <= _SAME:
            ranked.append((not exact, distance, tag))
    return min(ranked)[-1] if ranked else None


@functools.cache
def _language(tag: str) -> langcodes.Language:
    match = _TAG.fullmatch(tag)
    assert match is not None
    code = match["nllb"] or match["m2m"] or match["mbart"]
    return langcodes.Language.get(code.replace("_", "-"))


@functools.cache
def _say_once(language: str, tag: str) -> None:
    logger.warning(
        "the tokenizer has no tag for the language %s: it marks the sentences with its default tag, %s",
        language,
        tag,
    )


def _post_processor(backend: Tokenizer) -> dict[str, Any]:
    """The post-processor as `tokenizer.json` describes it; empty if there is none."""
    processor = backend.post_processor
    if processor is None:
        return {}
    content: dict[str, Any] = json.loads(processor.__getstate__())
    return content


def _rename(content: object, old: str, new: str, new_id: int) -> None:
    """Replace a token by another, in place, both in the templates and in the table of token ids."""
    if isinstance(content, list):
        for item in content:
            _rename(item, old, new, new_id)
    elif isinstance(content, dict):
        table = content.get("special_tokens")
        if isinstance(table, dict) and old in table:
            del table[old]
            table[new] = {"id": new, "ids": [new_id], "tokens": [new]}
        if content.get("id") == old and "type_id" in content:
            content["id"] = new
        for item in content.values():
            _rename(item, old, new, new_id)


def _with_post_processor(tokenizer: PreTrainedTokenizerFast, content: dict[str, Any]) -> PreTrainedTokenizerFast:
    backend = tokenizer.backend_tokenizer
    empty = {"version": "1.0", "model": {"type": "WordLevel", "vocab": {}, "unk_token": ""}, "added_tokens": []}
    processor = Tokenizer.from_str(json.dumps(empty | {"post_processor": content})).post_processor
    # The model is shared, because that of a tokenizer for 200 languages takes hundreds of megabytes.
    own = Tokenizer(backend.model)
    own.normalizer, own.pre_tokenizer, own.decoder = backend.normalizer, backend.pre_tokenizer, backend.decoder
    added = backend.get_added_tokens_decoder()
    own.add_tokens([added[number] for number in sorted(added)])
    if own.get_added_tokens_decoder() != added:
        own = Tokenizer.from_str(backend.to_str())
    own.post_processor = processor
    changed = copy.copy(tokenizer)
    changed._tokenizer = own
    return changed
