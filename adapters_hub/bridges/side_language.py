"""Detect which of two languages texts are in: MTEB names a subset's two languages, but rarely which side is which."""

from __future__ import annotations

from collections.abc import Sequence

from adapters_hub.detection import probabilities

_MOST = 200
_MAJORITY = 0.75


def language_among(texts: Sequence[str], candidates: Sequence[str]) -> str | None:
    """Detect which of a few languages texts are in.

    Args:
        texts: sentences or passages in one of the languages; only the first two hundred are used.
        candidates: codes of the languages.

    Returns:
        One of the candidates; None if fewer than three texts in four are detected as that language.
    """
    votes = dict.fromkeys(candidates, 0)
    for text in texts[:_MOST]:
        scores = probabilities(text, candidates)
        most = max(scores[code] for code in candidates)
        likeliest = [code for code in candidates if scores[code] == most]
        if len(likeliest) == 1:  # languages that the detector does not know are equally likely
            votes[likeliest[0]] += 1
    best = max(candidates, key=votes.__getitem__)
    return best if votes[best] >= _MAJORITY * len(texts[:_MOST]) > 0 else None
