"""How the tokens of a tokenizer represent text: marks of a word's start or continuation, and bytes for characters."""

from __future__ import annotations

import json
import re
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

WORD_START = "▁"
"""The character that stands for a space in the tokens of most tokenizers."""
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_BYTES_OF_LETTERS = {letter: byte for byte, letter in bytes_to_unicode().items()}


class TokenForms:
    """Interprets the tokens of a tokenizer.

    Args:
        content: the content of its `tokenizer.json`.

    Attributes:
        byte_level: a token is spelled with a letter for each byte.
        has_bytes: any text can be spelled, byte by byte.
        bytes: the tokens with which BPE spells any text; empty if it has an unknown token instead. Byte-level BPE
            (Qwen) silently drops a byte whose letter is missing. BPE with byte fallback (Gemma) has tokens `<0x00>` to
            `<0xFF>` for characters that are not in its vocabulary, and `▁` for a space.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        model = content["model"]
        steps = json.dumps([content.get("pre_tokenizer"), content.get("normalizer")])
        self.byte_level = '"ByteLevel"' in steps
        self.has_bytes = self.byte_level or bool(model.get("byte_fallback"))
        self.bytes: list[str] = []
        if model["type"] == "BPE" and self.has_bytes:
            fallback = [WORD_START, *(f"<0x{byte:02X}>" for byte in range(256))]
            self.bytes = sorted(ByteLevel.alphabet()) if self.byte_level else fallback
        self._prefix = str(model.get("continuing_subword_prefix") or "")

    def text(self, token: str) -> str | None:
        """The text of a token without the mark of a word's start or continuation; None for a part of a character."""
        if self.byte_level:
            try:
                return bytes(_BYTES_OF_LETTERS[letter] for letter in token).decode().removeprefix(" ")
            except (KeyError, UnicodeDecodeError):
                return None
        if _BYTE.fullmatch(token):
            return None
        return token.removeprefix(self._prefix) if self._prefix else token.removeprefix(WORD_START)

    def is_part_of_all(self, token: str) -> bool:
        """Whether any text may need the token: a single byte, or the bare mark of a word's start."""
        if self.byte_level:
            return len(token) == 1
        return token == WORD_START or (self.has_bytes and _BYTE.fullmatch(token) is not None)

    def of_character(self, character: str) -> tuple[str, str]:
        """A character's own token, and its token at the start of a word (in WordPiece: within a word)."""
        return character, (self._prefix or WORD_START) + character


def reads_spaces_as_letters(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether a text is not divided into words before it is split into tokens, as in Gemma's tokenizer.

    There the normaliser has already replaced spaces by `▁` before the pre-tokenizer, if there is one, looks for them.
    """
    backend = tokenizer.backend_tokenizer
    text = "a b" if backend.normalizer is None else backend.normalizer.normalize_str("a b")
    pieces = [text] if backend.pre_tokenizer is None else backend.pre_tokenizer.pre_tokenize_str(text)
    return len(pieces) == 1 and WORD_START in text
