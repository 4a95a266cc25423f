"""Group sentences by their language."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from adapters_hub.detection import AUTO, AutoLanguage, detect
from adapters_hub.errors import InputTextError
from adapters_hub.languages import find_language
from adapters_hub.texts import Texts, in_order, is_missing, numbered

logger = logging.getLogger(__name__)


def group_by_language(
    texts: Texts, language: str | Sequence[str | None] | None, known: Sequence[str], auto: AutoLanguage
) -> dict[str | None, list[int]]:
    """Group sentences by their language.

    Args:
        texts: the sentences.
        language: one language for all sentences, or one per sentence; None stands for the untouched base, `auto` for
            the loaded language that is detected. Entries for missing sentences are ignored.
        known: the languages that are loaded.
        auto: what to do with sentences whose language cannot be detected with confidence; the log counts them.

    Returns:
        Indices of `texts.present` per language, in the order of first appearance.

    Raises:
        InputTextError: a language is not loaded or not detected, or there is not exactly one per sentence.
    """
    one = language is None or isinstance(language, str)
    languages = [language] * texts.count if one else in_order(language, "a language or one per sentence")
    if len(languages) != texts.count:
        raise InputTextError(f"{texts.count} sentences but {len(languages)} languages: give one, or one per sentence")
    places = [place for place in texts.places if isinstance(languages[place], str) and languages[place] == AUTO]
    if places:
        present = dict(zip(texts.places, texts.present, strict=True))
        found = _detected([present[place] for place in places], places, known, auto)
        detected = dict(zip(places, found, strict=True))
        languages = [detected.get(place, code) for place, code in enumerate(languages)]
    groups: dict[str | None, list[int]] = {}
    for index, place in enumerate(texts.places):
        code = languages[place]
        if code is not None and (not isinstance(code, str) or code not in known):
            raise _unknown(code, place, known)
        groups.setdefault(code, []).append(index)
    return groups


def _detected(
    sentences: Sequence[str], numbers: Sequence[int], known: Sequence[str], auto: AutoLanguage
) -> list[str | None]:
    """The detected language of each sentence; None where it is uncertain and the base is to be used."""
    if not known:
        raise InputTextError(f"language {AUTO!r} is one of those that are loaded, and none is: add modules first")
    found = detect(sentences, known)
    unsure = [index for index, one in enumerate(found) if one.confidence < auto.threshold]
    if unsure and auto.below == "error":
        first = found[unsure[0]]
        raise InputTextError(
            f"the language of sentences {numbered([numbers[index] for index in unsure])} is uncertain: expected a "
            f"confidence of {auto.threshold:g}, found {first.confidence:.2f} for {first.language} of "
            f"{sentences[unsure[0]]!r:.60}: name their languages, or let the untouched base encode them (below='base')"
        )
    codes = [one.language if one.confidence >= auto.threshold else None for one in found]
    counts = Counter(code for code in codes if code is not None)
    logger.info(
        "languages detected in %d sentences: %s; %d with a confidence below %g, encoded by the untouched base",
        len(codes),
        ", ".join(f"{count} {code}" for code, count in counts.most_common()) or "none",
        len(unsure),
        auto.threshold,
    )
    return codes


def _unknown(code: object, place: int, known: Sequence[str]) -> InputTextError:
    loaded = ", ".join(known) or "none"
    if not isinstance(code, str):
        what = "missing" if is_missing(code) else "not a string"
        return InputTextError(
            f"the language of sentence {place} is {what} ({type(code).__name__}): expected one that is loaded "
            f"({loaded}), or None for the untouched base"
        )
    same = find_language(code, known)
    hint = f"use {same!r}, which is the same language" if same else "add its module first"
    return InputTextError(f"language {code!r} is not loaded (loaded: {loaded}): {hint}")
