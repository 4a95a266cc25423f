"""Check a tokenizer's regular expressions: those of well-known families are allowed, and simple ones.

The regex engine of the tokenizers library backtracks, so some expressions take minutes on certain texts and then abort.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
FAMILIES = frozenset(
    [
        # GPT-2, RoBERTa, ModernBERT
        r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""",
        # Qwen 2 and 3
        _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST,
        # Llama 3, GPT-4
        _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST,
        # Qwen 3.5
        _CONTRACTIONS
        + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        # SeamlessM4T
        " +▁",
        "^▁+$",
    ]
)

_LONGEST = 20_000  # characters; the expression that splits a prompt into its parts names each of them
_MOST_CHOICES = 10_000
_LARGEST_COUNT = 64
_MOST_LISTED = 2000
_QUANTIFIER = re.compile(r"[*+?]|\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
_LOOKAROUND = ("(?=", "(?!", "(?<=", "(?<!")
_CLASSES = frozenset("sSdDwWhH")
_ANCHORS = frozenset("bBAzZ")
_LITERALS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}


@dataclass(frozen=True)
class Match:
    """What an expression can match.

    Attributes:
        shortest: length of the shortest match, in characters.
        characters: the characters that a match can consist of; None for any.
        choices: upper bound of the ways to continue a match at any one position in a text.
        looks: whether it is a lookaround, which is tried once for each way to reach it and then has a single result.
    """

    shortest: int
    characters: frozenset[str] | None
    choices: int = 1
    looks: bool = False


_NOTHING = Match(0, frozenset())


def check_pattern(pattern: str) -> Match:
    """Check that a regular expression takes time at most linear in the text, and return what it can match.

    It must be of a known family or simple. A simple expression consists of literals, character classes, groups,
    alternatives, lookarounds, counted repetitions of a single character, and unlimited repetitions of a single
    character at the end of an alternative.

    Raises:
        ValueError: the expression is neither simple nor of a known family, or can match the empty text.
    """
    if pattern in FAMILIES:
        return Match(1, None)
    if len(pattern) > _LONGEST:
        raise ValueError(f"a regular expression has {len(pattern)} characters, which is too long")
    parser = _Parser(pattern)
    match = parser.alternatives(depth=0)
    if parser.place < len(pattern):
        raise parser.refusal("it has a closing bracket too many")
    if match.shortest < 1:
        raise parser.refusal("it can match the empty text")
    if match.choices > _MOST_CHOICES:
        raise parser.refusal("it has too many ways to match")
    return match


class _Parser:
    """A recursive-descent parser for the simple part of the syntax."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.place = 0

    def refusal(self, why: str) -> ValueError:
        """The error that refuses this expression."""
        return ValueError(f"the regular expression {self.pattern[:80]!r} is not a simple one: {why}")

    def alternatives(self, depth: int) -> Match:
        """Parse alternatives, up to the closing bracket or the end."""
        if depth > 8:
            raise self.refusal("brackets are nested too deeply")
        found = [self._sequence(depth)]
        while self._skip("|"):
            found.append(self._sequence(depth))
        listed = [match.characters for match in found]
        characters = None if None in listed else frozenset().union(*(part for part in listed if part is not None))
        return Match(min(match.shortest for match in found), characters, sum(match.choices for match in found))

    def _sequence(self, depth: int) -> Match:
        whole, ends, looked = _NOTHING, False, 0
        while self.place < len(self.pattern) and self.pattern[self.place] not in "|)":
            if ends:
                raise self.refusal("an unlimited repetition is not at the end")
            part, ends = self._item(depth)
            listed = None if None in (whole.characters, part.characters) else whole.characters | part.characters  # type: ignore[operator]
            looked += whole.choices * part.choices if part.looks else 0
            choices = whole.choices * (1 if part.looks else part.choices)
            whole = Match(whole.shortest + part.shortest, listed, choices)
            if max(choices, looked) > _MOST_CHOICES:
                raise self.refusal("it has too many ways to match")
        if ends and depth:
            raise self.refusal("an unlimited repetition in brackets")
        return replace(whole, choices=max(whole.choices, looked))

    def _item(self, depth: int) -> tuple[Match, bool]:
        """Parse one part; also return whether it repeats without limit."""
        character = self.pattern[self.place]
        if character == "(":
            return self._group(depth), False
        if character in "^$":
            self.place += 1
            return _NOTHING, False
        if character in "*+?{":
            raise self.refusal("a repetition of nothing, or of a group")
        if character == "[":
            listed = self._class()
        elif character == "\\":
            listed = self._escape()
        else:
            self.place += 1
            listed = None if character == "." else frozenset(character)
        if listed is not None and not listed:  # an anchor
            return _NOTHING, False
        return self._repeated(listed)

    def _repeated(self, listed: frozenset[str] | None) -> tuple[Match, bool]:
        found = _QUANTIFIER.match(self.pattern, self.place)
        if found is None:
            return Match(1, listed), False
        self.place = found.end()
        if self.pattern[self.place : self.place + 1] in ("?", "+", "*", "{"):
            raise self.refusal("a repetition of a repetition")
        sign, least = found.group(), int(found[1] or 0)
        if sign in ("*", "+") or (found[2] and not found[3]):
            least = {"*": 0, "+": 1}.get(sign, least)
            most = None
        else:
            most = 1 if sign == "?" else int(found[3] or least)
        if max(least, most or 0) > _LARGEST_COUNT or (most is not None and most < max(least, 1)):
            raise self.refusal("a repetition count that is out of bounds")
        return Match(least, listed, 1 if most is None else most - least + 1), most is None

    def _group(self, depth: int) -> Match:
        looks = next((sign for sign in _LOOKAROUND if self.pattern.startswith(sign, self.place)), None)
        opening = looks or ("(?:" if self.pattern.startswith("(?:", self.place) else "(")
        self.place += len(opening)
        if opening == "(" and self.pattern[self.place : self.place + 1] in ("?", "*"):
            raise self.refusal("an unsupported kind of group")
        match = self.alternatives(depth + 1)
        if not self._skip(")"):
            raise self.refusal("a bracket is not closed")
        return Match(0, frozenset(), match.choices, looks=True) if looks else match

    def _escape(self) -> frozenset[str] | None:
        """The characters that an escape stands for; None for a class of them, empty for an anchor."""
        sign = self.pattern[self.place + 1 : self.place + 2]
        self.place += 2
        if sign in ("p", "P"):
            name = re.compile(r"\{\^?\w{1,40}\}").match(self.pattern, self.place)
            if name is None:
                raise self.refusal("a property without a name")
            self.place = name.end()
            return None
        if sign in _CLASSES and sign:
            return None
        if sign in _ANCHORS and sign:
            return frozenset()
        if sign in _LITERALS:
            return frozenset(_LITERALS[sign])
        if not sign or (sign.isalnum() and sign.isascii()):
            raise self.refusal(f"\\{sign}")
        return frozenset(sign)

    def _class(self) -> frozenset[str] | None:
        self.place += 1
        inverted = self._skip("^")
        listed: set[str] | None = set()
        first = True
        while first or not self.pattern.startswith("]", self.place):
            first = False
            if self.place >= len(self.pattern) or self.pattern[self.place] == "[" or self._next("&&"):
                raise self.refusal("an unsupported kind of character class")
            one = self._member()
            if self._next("-") and not self._next("-]"):
                self.place += 1
                if self.place >= len(self.pattern):
                    raise self.refusal("a class is not closed")
                last = self._member()
                if one is None or last is None or ord(min(last)) < ord(min(one)):
                    raise self.refusal("an invalid range")
                span = range(ord(min(one)), ord(min(last)) + 1)
                one = frozenset(map(chr, span)) if len(span) <= _MOST_LISTED else None
            listed = None if listed is None or one is None else listed | one
        self.place += 1
        return None if inverted or listed is None else frozenset(listed)

    def _member(self) -> frozenset[str] | None:
        if self._next("\\"):
            found = self._escape()
            if found is not None and not found:
                raise self.refusal("an anchor in a character class")
            return found
        self.place += 1
        return frozenset(self.pattern[self.place - 1])

    def _next(self, text: str) -> bool:
        return self.pattern.startswith(text, self.place)

    def _skip(self, text: str) -> bool:
        if not self._next(text):
            return False
        self.place += len(text)
        return True
