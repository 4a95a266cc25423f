"""Resolve which alignment adapters are on for each language, and with which weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters_hub.errors import InputTextError
from adapters_hub.format import OBJECTIVES

Weights = tuple[tuple[str, float], ...]
"""Objectives with their weights, sorted; empty for no alignment."""

Align = bool | Mapping[str, str | Sequence[str] | Mapping[str, float]]
"""The values that `encode(align=…)` takes."""


def check_aligned(align: Align, known: Sequence[str]) -> None:
    """Refuse a mapping that names a language which is not loaded, such as a misspelt one.

    Raises:
        InputTextError: a language is not loaded; the message names it.
    """
    unknown = [language for language in align if language not in known] if isinstance(align, Mapping) else []
    if unknown:
        loaded = ", ".join(known) or "none"
        raise InputTextError(
            f"align names {unknown[0]!r}, which is not loaded (loaded: {loaded}): add its module first"
        )


def resolve_alignment(align: Align, language: str, loaded: Sequence[str], is_pivot: bool) -> Weights:
    """The adapters to switch on for one language.

    Args:
        align: False aligns no language. True aligns every language that is not a pivot, by `both` if that adapter is
            loaded, else by its only adapter. A mapping gives a language one objective, several (averaged), or
            objectives with weights; languages that it does not name are not aligned.
        language: the language.
        loaded: objectives of the adapters that are loaded for the language.
        is_pivot: whether other languages are aligned to this one.

    Raises:
        InputTextError: `align` is invalid or ambiguous, or a requested adapter is not loaded.
    """
    if isinstance(align, bool):
        return ((_the_one(language, loaded), 1.0),) if align and (loaded or not is_pivot) else ()
    if not isinstance(align, Mapping):
        raise InputTextError(f"align must be True, False or a mapping of languages, not {type(align).__name__}")
    if language not in align:
        return ()
    chosen = align[language]
    if isinstance(chosen, str):
        chosen = [chosen]
    if not isinstance(chosen, Sequence | Mapping):
        raise InputTextError(
            f"align for {language!r} must be an objective, several, or objectives with weights, not {chosen!r}"
        )
    named = dict.fromkeys(chosen)
    weights = dict(chosen) if isinstance(chosen, Mapping) else dict.fromkeys(named, 1 / max(len(named), 1))
    for objective, weight in weights.items():
        if objective not in loaded:
            have = ", ".join(loaded) or "none"
            raise InputTextError(f"no alignment adapter {objective!r} for {language!r} is loaded (loaded: {have})")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) < float("inf"):
            raise InputTextError(f"the weight of {objective!r} for {language!r} must be a number, not {weight!r}")
    return tuple(sorted((objective, float(weight)) for objective, weight in weights.items() if weight))


def _the_one(language: str, loaded: Sequence[str]) -> str:
    if not loaded:
        raise InputTextError(
            f"align=True, but no alignment adapter for {language!r} is loaded: add one, or name the languages to "
            "align: align={'deu': 'both'}"
        )
    if len(loaded) > 1 and OBJECTIVES[0] not in loaded:
        raise InputTextError(
            f"align=True is ambiguous for {language!r} (loaded: {', '.join(loaded)}): "
            f"say which, for example align={{{language!r}: {loaded[0]!r}}}"
        )
    return OBJECTIVES[0] if OBJECTIVES[0] in loaded else loaded[0]
