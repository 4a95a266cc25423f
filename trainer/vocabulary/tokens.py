"""How the tokens of a tokenizer represent text: marks of a word's start or continuation, and bytes for characters."""

from __future__ import annotations

import functools
import re
from typing import Any

_WORD_START = "▁"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


class TokenForms:
    """Interprets the tokens of a tokenizer.

    Args:
        content: the content of its `tokenizer.json`.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        model = content["model"]
        self.byte_level = _has_byte_level(content.get("pre_tokenizer")) or _has_byte_level(content.get("normalizer"))
        self.has_bytes = self.byte_level or bool(model.get("byte_fallback"))
        self._prefix = str(model.get("continuing_subword_prefix") or "")

    def text(self, token: str) -> str | None:
        """The text of a token without the mark of a word's start or continuation; None for a part of a character."""
        if self.byte_level:
            try:
                return bytes(_bytes_of_letters()[letter] for letter in token).decode().removeprefix(" ")
            except (KeyError, UnicodeDecodeError):
                return None
        if _BYTE.fullmatch(token):
            return None
        return token.removeprefix(self._prefix) if self._prefix else token.removeprefix(_WORD_START)

    def is_part_of_all(self, token: str) -> bool:
        """Whether any text may need the token: a single byte, or the bare mark of a word's start."""
        if self.byte_level:
            return len(token) == 1
        return token == _WORD_START or (self.has_bytes and _BYTE.fullmatch(token) is not None)

    def of_character(self, character: str) -> tuple[str, str]:
        """A character's own token, and its token at the start of a word (in WordPiece: within a word)."""
        return character, (self._prefix or _WORD_START) + character


def _has_byte_level(part: dict[str, Any] | None) -> bool:
    if not part:
        return False
    inner = [*part.get("pretokenizers", ()), *part.get("normalizers", ())]
    return part["type"] == "ByteLevel" or any(_has_byte_level(step) for step in inner)


@functools.cache
def _bytes_of_letters() -> dict[str, int]:
    """GPT-2's letters for bytes: printable Latin-1 characters stand for themselves, U+0100 and on for other bytes."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}
