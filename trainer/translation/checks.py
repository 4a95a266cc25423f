"""Checks of translations that need no knowledge of the language."""

from __future__ import annotations

import functools
import re
import statistics
from collections.abc import Iterable, Sequence

import langcodes
import regex

from adapters_hub.texts import canonical
from trainer.translation.journal import Translation

_JOINT = {"Hans": ("Hani",), "Hant": ("Hani",), "Jpan": ("Hira", "Kana", "Hani"), "Kore": ("Hang", "Hani")}
"""The scripts of Unicode that a code of ISO 15924 joins or narrows."""
_LOOP = re.compile(r"(\S.{0,59}?)\1{3,}", re.DOTALL)
_SHORTEST_LOOP = 12
SCRIPT_SHARE = 0.5
"""The usual least share of a sentence's letters that must belong to its script."""
# Added to both lengths, so that short texts do not have extreme ratios.
_LENGTH_OFFSET = 10


def script_of(code: str) -> str | None:
    """The script that a language code stands for, as ISO 15924: `Cyrl` for `kaz_Cyrl`, `kaz`, `kk` or `kk_KZ`.

    None if the code is not that of a language, or if the script cannot be checked.
    """
    try:
        script = langcodes.get(code).maximize().script
        return script if script and _letters_of(script) else None
    except (ValueError, LookupError, regex.error):
        return None


class Checks:
    """Finds faults in translations.

    Args:
        translations: pairs of a sentence and its translation; the median of their length ratios is the usual ratio.
        script: ISO 15924 code of the target language's script; None: not checked.
        length_factor: how many times higher or lower than usual the length ratio (in characters) may be.
        script_share: least share of a translation's letters that must belong to the script.
    """

    def __init__(
        self,
        translations: Iterable[tuple[str, Translation]],
        script: str | None,
        length_factor: float = 2.5,
        script_share: float = SCRIPT_SHARE,
    ) -> None:
        self.script = script
        self.length_factor = length_factor
        self.script_share = script_share
        ratios = [_ratio(source, found.text) for source, found in translations if found.text]
        self.usual_ratio = statistics.median(ratios) if ratios else 1.0

    def fault(self, source: str, translation: Translation) -> str | None:
        """The first fault of a translation; None if it has none."""
        text = translation.text
        if translation.skipped:
            return "too long to translate"
        if not text:
            return "empty"
        if not translation.finished:
            return "cut off"
        if canonical(text).casefold() == canonical(" ".join(source.split())).casefold() and any(map(str.isalpha, text)):
            return "left as it was"
        if is_loop(text) and not is_loop(source):
            return "repeating itself"
        relative = _ratio(source, text) / self.usual_ratio
        if not 1 / self.length_factor <= relative <= self.length_factor:
            return "of unusual length"
        if self.script and share_of_script(text, self.script) < self.script_share:
            return f"not in {self.script}"
        return None

    def fault_of_row(self, sources: Sequence[str], translations: Sequence[Translation]) -> str | None:
        """The first fault in a row of sentences, of which the last may be empty; None if there is none."""
        pairs = [(source, found) for source, found in zip(sources, translations, strict=True) if source]
        for source, found in pairs:
            if fault := self.fault(source, found):
                return fault
        texts = [found.text for _, found in pairs]
        return "alike" if len(set(texts)) < len(texts) else None


def is_loop(text: str) -> bool:
    """Whether a text with letters repeats four times or more in a row, as when a model is caught in a loop."""
    return any(
        len(match[0]) >= _SHORTEST_LOOP and any(map(str.isalpha, match[1])) for match in _LOOP.finditer(f"{text} ")
    )


def share_of_script(text: str, script: str) -> float:
    """The share of a text's letters that belong to a script; 1 if it has no letters."""
    letters = "".join(filter(str.isalpha, text))
    return len(_letters_of(script).findall(letters)) / len(letters) if letters else 1.0


@functools.cache
def _letters_of(script: str) -> regex.Pattern[str]:
    return regex.compile("|".join(rf"\p{{Script_Extensions={name}}}" for name in _JOINT.get(script, (script,))))


def _ratio(source: str, text: str) -> float:
    return (len(text) + _LENGTH_OFFSET) / (len(source) + _LENGTH_OFFSET)
