"""Detect which of two languages texts are in: MTEB names a subset's two languages, but rarely which side is which."""

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
    """Detect with `py3langid` which of a few languages texts are in.

    Args:
        texts: sentences or passages in one of the languages; only the first two hundred are used.
        candidates: codes of the languages.

    Returns:
        One of the candidates; None if fewer than three texts in four are detected as that language, or if `py3langid`
        does not know several of the candidates.

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
        with _lock:  # the identifier keeps a buffer between calls
            ranked = [str(code) for code, _ in identifier.rank(text[:_CHARACTERS])]
        # A candidate that `py3langid` does not know gets the texts whose best guess is none of the known candidates.
        found = named.get(ranked[0], others[0]) if others else next(named[code] for code in ranked if code in named)
        votes[found] += 1
    best = max(candidates, key=votes.__getitem__)
    return best if votes[best] >= _MAJORITY * sum(votes.values()) > 0 else None


@functools.cache
def _identifier() -> Any:  # noqa: ANN401
    with needed_for("telling the sides of a cross-lingual task apart"):
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
