"""The byte tokens with which a BPE vocabulary can spell any character: one for each of the 256 bytes."""

from __future__ import annotations

import json
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

WORD_START = "▁"
"""The character that stands for a space in the tokens of most tokenizers."""


def byte_tokens(content: dict[str, Any]) -> list[str]:
    """The byte tokens of a tokenizer, from its `tokenizer.json`; none if it has an unknown token instead.

    Byte-level BPE (Qwen) has a letter for each byte, and silently drops a byte whose letter is missing. BPE with byte
    fallback (Gemma) has tokens `<0x00>` to `<0xFF>` for characters that are not in its vocabulary.
    """
    if content["model"]["type"] != "BPE":
        return []
    if '"ByteLevel"' in json.dumps(content["pre_tokenizer"]):
        return sorted(ByteLevel.alphabet())
    if not content["model"].get("byte_fallback"):
        return []
    return [WORD_START, *(f"<0x{byte:02X}>" for byte in range(256))]  # `▁` spells a space


def reads_spaces_as_letters(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether a text is not divided into words before it is split into tokens, as in Gemma's tokenizer.

    There the normaliser has already replaced spaces by `▁` before the pre-tokenizer, if there is one, looks for them.
    """
    backend = tokenizer.backend_tokenizer
    text = "a b" if backend.normalizer is None else backend.normalizer.normalize_str("a b")
    pieces = [text] if backend.pre_tokenizer is None else backend.pre_tokenizer.pre_tokenize_str(text)
    return len(pieces) == 1 and WORD_START in text
