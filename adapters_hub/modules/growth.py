"""How many characters the rules of a tokenizer can make out of one: rule upon rule, growth multiplies."""

from __future__ import annotations

import base64
import functools
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

from tokenizers.normalizers import Precompiled

from adapters_hub.modules.patterns import Match

_FORMS = ("NFC", "NFD", "NFKC", "NFKD")
# Of a character that no rule names: one of Arabic is eighteen in NFKC, three characters at most make others.
_FACTORS = dict.fromkeys(_FORMS, 18) | {"Precompiled": 18, "Lowercase": 3, "BertNormalizer": 12}


def most_growth(steps: Sequence[Mapping[str, Any]], replaced: Mapping[int, Match]) -> float:
    """Characters that one character can become, at most.

    Worked out from the last step to the first: what each character that a rule names becomes in the end, and what any
    other does.

    Args:
        steps: normalizers, sound ones.
        replaced: by their places, what those that replace can match.
    """
    named = {character for match in replaced.values() for character in match.characters or ()}
    named |= {character for step in steps for character in (step.get("content") or "")}
    named |= {part for character in named for part in unicodedata.normalize("NFKD", character)}
    growth: dict[str, float] = dict.fromkeys(named, 1.0)
    other, known = 1.0, set[str]()
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
        # Done once, it is done: a second time changes nothing but what rules have put in, which are named.
        if kind in _FACTORS and kind not in known:
            other = most * _FACTORS[kind]
        known |= set(_FORMS) if kind in _FORMS else {kind}
    return max([other, *growth.values()])


def _change(step: Mapping[str, Any]) -> Callable[[str], str] | None:
    """What a step makes of a single character; None if that is not needed, or not known, to the letter."""
    kind = step["type"]
    if kind == "Precompiled":
        return Precompiled(base64.b64decode(step["precompiled_charsmap"])).normalize_str
    if kind == "Lowercase":
        return str.lower
    if kind in _FORMS:
        return functools.partial(unicodedata.normalize, cast(Literal["NFC", "NFD", "NFKC", "NFKD"], kind))
    return None
