"""Group sentences by their language."""

from __future__ import annotations

from collections.abc import Sequence

from adapters_hub.errors import InputTextError
from adapters_hub.languages import find_language
from adapters_hub.texts import Texts, in_order, is_missing


def group_by_language(
    texts: Texts, language: str | Sequence[str | None] | None, known: Sequence[str]
) -> dict[str | None, list[int]]:
    """Group sentences by their language.

    Args:
        texts: the sentences.
        language: one language for all sentences, or one per sentence; None stands for the untouched base. Entries for
            missing sentences are ignored.
        known: the languages that are loaded.

    Returns:
        Indices of `texts.present` per language, in the order of first appearance.

    Raises:
        InputTextError: a language is not loaded, or there is not exactly one per sentence.
    """
    one = language is None or isinstance(language, str)
    languages = [language] * texts.count if one else in_order(language, "a language or one per sentence")
    if len(languages) != texts.count:
        raise InputTextError(f"{texts.count} sentences but {len(languages)} languages: give one, or one per sentence")
    groups: dict[str | None, list[int]] = {}
    for index, place in enumerate(texts.places):
        code = languages[place]
        if code is not None and (not isinstance(code, str) or code not in known):
            raise _unknown(code, place, known)
        groups.setdefault(code, []).append(index)
    return groups


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
