"""How many characters the rules of a tokenizer can make out of one; the growth of successive rules multiplies."""

from __future__ import annotations

import base64
import functools
import struct
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

from tokenizers.normalizers import Precompiled

from adapters_hub.modules.patterns import Match

# Largest growth of a character that no rule names. The Unicode forms have Unicode's own bounds: one Arabic character
# becomes eighteen in NFKC.
_FORMS = {"NFC": 3, "NFD": 4, "NFKC": 18, "NFKD": 18}
_FACTORS = _FORMS | {"Lowercase": 3, "BertNormalizer": 12}


def most_growth(steps: Sequence[Mapping[str, Any]], replaced: Mapping[int, Match]) -> float:
    """Upper bound of the characters that one character can become.

    It is computed from the last step to the first, separately for each character that a rule names and once for all
    others.

    Args:
        steps: normalizers that were checked already.
        replaced: what each `Replace` normalizer can match, by its index in `steps`.
    """
    named = {character for match in replaced.values() for character in match.characters or ()}
    named |= {character for step in steps for character in (step.get("content") or "")}
    named |= {part for character in named for part in unicodedata.normalize("NFKD", character)}
    growth: dict[str, float] = dict.fromkeys(named, 1.0)
    other, done = 1.0, dict[str, float]()
    for place, step in reversed(list(enumerate(steps))):
        kind = step["type"]
        if place in replaced:
            new = sum(growth[character] for character in step["content"])
            matched = replaced[place].characters
            growth = {c: max(old, new) if matched is None or c in matched else old for c, old in growth.items()}
            other = max(other, new) if matched is None else other
            continue
        before, most, change = growth, max([other, *growth.values()]), _change(step)
        if change is not None:
            growth = {c: sum(before.get(part, other) for part in change(c)) for c in before}
        elif kind in _FACTORS:
            growth = {c: old * _FACTORS[kind] for c, old in before.items()}
        # Repeating a step changes only characters that rules have inserted, and these are named characters.
        factor, group = _factor(step), "form" if kind in _FORMS else kind
        if factor > done.get(group, 1.0):
            other, done[group] = most * factor / done.get(group, 1.0), factor
    return max([other, *growth.values()])


def table_entries(step: Mapping[str, Any]) -> list[bytes]:
    """The texts that a `Precompiled` step can insert.

    Its SentencePiece table is a trie, followed by strings that end with a zero byte.

    Raises:
        ValueError: the step has no such table.
    """
    try:
        table = base64.b64decode(step.get("precompiled_charsmap"), validate=True)  # type: ignore[arg-type]
        (size,) = struct.unpack_from("<I", table)
    except (TypeError, ValueError, struct.error):
        size, table = -1, b""
    if size % 4 or not 0 <= size <= len(table) - 4:
        raise ValueError("its Precompiled normalizer has no readable table")
    return table[4 + size :].split(b"\0")


def _factor(step: Mapping[str, Any]) -> float:
    if step["type"] == "Precompiled":
        return max(len(entry.decode(errors="replace")) for entry in table_entries(step)) or 1.0
    return _FACTORS.get(step["type"], 1.0)


def _change(step: Mapping[str, Any]) -> Callable[[str], str] | None:
    """The function by which a step changes a single character; None if it is not needed or not known exactly."""
    kind = step["type"]
    if kind == "Precompiled":
        return Precompiled(base64.b64decode(step["precompiled_charsmap"])).normalize_str
    if kind == "Lowercase":
        return str.lower
    if kind in _FORMS:
        return functools.partial(unicodedata.normalize, cast(Literal["NFC", "NFD", "NFKC", "NFKD"], kind))
    return None
