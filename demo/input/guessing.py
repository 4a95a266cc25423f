"""Guess the language of a sentence, offline.

`py3langid` (BSD) knows 139 languages, among them all 23 of the paper. It is a linear model over character n-grams: a
whole sentence it knows well, one or two words often not; it tells Uzbek in Latin letters from Turkish or Azerbaijani
less surely than languages with a script of their own, and it knows neither romanised Arabic, Amharic and the like nor
languages outside its list. So a guess can always be corrected.
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
"""How many times likelier a language with a module counts, where the text itself does not decide."""
_UNSURE = 0.1
"""The probability under which the detector knows nothing: of one or two words, mostly."""
_lock = threading.Lock()


def guess_language(text: str, offered: Sequence[str] = ()) -> str:
    """The ISO 639-3 code of the language that a text is most likely in.

    Args:
        text: a sentence; where it holds no letters, or too few, the guess is English if that is offered.
        offered: languages with a module, which are preferred where the text is short.
    """
    unknown = offered[0] if offered and _UNKNOWN not in offered else _UNKNOWN
    if not any(character.isalpha() for character in text):
        return unknown
    with _lock:  # it keeps a buffer of counts between calls
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
    """ISO 639-3 for a code of the detector; of a macro-language the member that the paper has. None for no language."""
    if code in ("zxx", "und"):
        return None
    return find_language(code, PAPER) or long_code(code)


def known_languages() -> list[str]:
    """All that can be guessed, ISO 639-3."""
    return sorted({code for code in map(to_alpha3, _identifier().nb_classes) if code})


@functools.cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
