"""Check what people hand to `encode`, and group it by language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapters_hub.errors import InputTextError


def check_sentences(sentences: Iterable[str]) -> list[str]:
    """The sentences as a list.

    Raises:
        InputTextError: names the first one that is not a string, is empty, or is not valid Unicode.
    """
    if not isinstance(sentences, Iterable):
        raise InputTextError(f"expected a string or strings to encode, found {type(sentences).__name__}")
    checked = list(sentences)
    for index, sentence in enumerate(checked):
        if not isinstance(sentence, str):
            raise InputTextError(f"sentence {index} is {type(sentence).__name__}, not a string: {sentence!r:.80}")
        if not sentence.strip():
            raise InputTextError(f"sentence {index} is empty: leave it out, there is nothing to encode")
        try:
            sentence.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputTextError(
                f"sentence {index} has a lone surrogate at character {error.start}: decode the text it came from "
                "as UTF-8 with errors='replace'"
            ) from None
    return checked


def group_by_language(
    count: int, language: str | Sequence[str | None] | None, known: Sequence[str]
) -> dict[str | None, list[int]]:
    """Which sentences are in which language.

    Args:
        count: number of sentences.
        language: one for all or one per sentence; None stands for the untouched base.
        known: the languages that are loaded.

    Returns:
        Indices of the sentences per language, in the order of first appearance.

    Raises:
        InputTextError: an unknown language, or not one per sentence.
    """
    if not (language is None or isinstance(language, Iterable)):
        raise InputTextError(f"expected a language or one per sentence, found {type(language).__name__}")
    languages = [language] * count if language is None or isinstance(language, str) else list(language)
    if len(languages) != count:
        raise InputTextError(f"{count} sentences but {len(languages)} languages: give one, or one per sentence")
    groups: dict[str | None, list[int]] = {}
    for index, code in enumerate(languages):
        if code is not None and code not in known:
            loaded = ", ".join(known) or "none"
            raise InputTextError(f"language {code!r} is not loaded (loaded: {loaded}): add its module first")
        groups.setdefault(code, []).append(index)
    return groups
