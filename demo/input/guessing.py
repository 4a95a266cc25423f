"""Guess the language of a sentence, offline.

`py3langid` (BSD) knows 139 languages, among them all 23 of the paper. It is a linear model over character n-grams. It
is reliable on whole sentences, often not on one or two words. It confuses Uzbek in Latin letters with Turkish or
Azerbaijani more easily than languages with a script of their own. It knows neither romanised text (such as Arabic or
Amharic in Latin letters) nor languages outside its list. Visitors can therefore correct every guess.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from adapters_hub.languages import find_language, long_code
from adapters_hub.texts import canonical

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
_lock = threading.Lock()


def guess_language(text: str, offered: Sequence[str] = ()) -> str:
    """The ISO 639-3 code of the language that a text is most likely in.

    Args:
        text: a sentence.
        offered: languages with a module, which are preferred where the text leaves a doubt.

    Returns:
        The code; for a text without letters, or with too few, English, or the first of `offered` if that lacks English.
    """
    unknown = offered[0] if offered and _UNKNOWN not in offered else _UNKNOWN
    if not any(character.isalpha() for character in text):
        return unknown
    with _lock:  # the detector keeps a buffer of counts between calls
        ranked = _identifier().rank(canonical(text[:1000]))
    if float(ranked[0][1]) < _UNSURE:
        return unknown
    best, most = _UNKNOWN, -np.inf
    for code, probability in ranked[:12]:
        language = to_alpha3(code)
        if language is None:
            continue
        preferred = find_language(language, offered)
        score = float(probability) * (_PREFERENCE if preferred else 1.0 if language in PAPER else 0.5)
        if score > most:
            best, most = preferred or language, score
    return best


def to_alpha3(code: str) -> str | None:
    """The ISO 639-3 code for a code of the detector; for a macro-language, the paper's member. None: no language."""
    if code in ("zxx", "und"):
        return None
    return find_language(code, PAPER) or long_code(code)


@functools.cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
