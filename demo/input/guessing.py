"""Guess the language of a sentence, offline; visitors can correct every guess."""

from __future__ import annotations

from collections.abc import Sequence

from adapters_hub.detection import is_language, probabilities
from adapters_hub.languages import long_code

PAPER = (
    *("amh", "arb", "azj", "ces", "deu", "eng", "fra", "hau", "ita", "kaz", "kin", "kir", "kor", "mar", "nld", "pol"),
    *("rus", "spa", "tel", "tur", "uig", "uzn", "zho"),
)
"""The languages of the paper."""

_UNKNOWN = "eng"
_PREFERENCE = 2.0
"""Factor on the probability of a language with a module, which decides where the text does not."""
_UNSURE = 0.1
"""Probability below which a guess is not used; mostly for one or two words."""


def guess_language(text: str, offered: Sequence[str] = ()) -> str:
    """The ISO 639-3 code of the language that a text is most likely in.

    Args:
        text: a sentence.
        offered: languages with a module, which are preferred where the text leaves a doubt; the paper's come next.

    Returns:
        The code; for a text without letters, or with too few, English, or the first of `offered` if that lacks English.
    """
    unknown = offered[0] if offered and _UNKNOWN not in offered else _UNKNOWN
    if not any(map(str.isalpha, text)):
        return unknown
    preferred = dict.fromkeys([*offered, *PAPER])
    scores = probabilities(text, list(preferred))
    best = max(scores, key=lambda code: scores[code] * (_PREFERENCE if code in offered else 1.0))
    if scores[best] < _UNSURE or not is_language(best):
        return unknown
    return best if best in preferred else long_code(best) or unknown
