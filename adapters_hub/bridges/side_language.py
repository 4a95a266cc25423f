"""Which of two languages texts are in: MTEB tells which two a subset has, but mostly not which side is which."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any

from adapters_hub.languages import same_language
from adapters_hub.requirements import needed_for

_MOST = 200
_CHARACTERS = 500
_MAJORITY = 0.75
_lock = threading.Lock()


def language_among(texts: Sequence[str], candidates: Sequence[str]) -> str | None:
    """The language of texts that are all in one of a few; `py3langid` tells.

    Args:
        texts: sentences or passages, of which the first two hundred are looked at.
        candidates: codes of the languages.

    Returns:
        One of the candidates; None where fewer than three texts in four are in it, as far as can be told.

    Raises:
        AdaptersHubError: py3langid is not installed.
    """
    identifier = _identifier()
    named = {
        code: candidate
        for code in identifier.nb_classes
        for candidate in candidates
        if same_language(str(code), candidate)
    }
    others = [candidate for candidate in candidates if candidate not in named.values()]
    if len(others) > 1:
        return None
    votes = dict.fromkeys(candidates, 0)
    for text in texts[:_MOST]:
        with _lock:  # it keeps a buffer between calls
            ranked = [str(code) for code, _ in identifier.rank(text[:_CHARACTERS])]
        # A language that it does not know is meant where it finds none of those that it does.
        found = named.get(ranked[0], others[0]) if others else next(named[code] for code in ranked if code in named)
        votes[found] += 1
    best = max(candidates, key=votes.__getitem__)
    return best if votes[best] >= _MAJORITY * sum(votes.values()) > 0 else None


@functools.cache
def _identifier() -> Any:  # noqa: ANN401
    with needed_for("telling the sides of a cross-lingual task apart"):
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
