"""Sentences of a language for the code example on its card."""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Iterator

import langcodes

_FIELDS = ("specimen_36", "specimen_32", "specimen_21", "specimen_16", "poster_md", "tester", "poster_sm")
_BETWEEN = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？።।॥؟۔])[\s፡]*")
_END = tuple(".!?…。！？።।॥؟۔")
_SHORTEST, _LONGEST = 12, 160  # characters
_OTHERS = ("fra", "spa", "eng")


@functools.cache
def sentences_of(code: str) -> tuple[str, str]:
    """Two sentences of a language, from the Universal Declaration of Human Rights, else two names of languages in it.

    References:
        `gflanguages` has samples of the declaration. It is in the dependency group `train`, so whoever trains a module
        has it. The names are CLDR's.
    """
    language = langcodes.Language.get(code.replace("_", "-"))
    script = language.maximize().script
    # Some languages are listed by their macro-language.
    for tag in dict.fromkeys((langcodes.standardize_tag(code.partition("_")[0]), _listed(code).language)):
        found = list(dict.fromkeys(_samples(f"{tag}_{script}")))
        found.sort(key=lambda text: not text.endswith(_END))  # whole sentences first
        if len(found) > 1:
            return found[0], found[1]
    first, second, *_ = dict.fromkeys(name_in(other, code) for other in (code, *_OTHERS))
    return first, second


def name_in(code: str, language: str) -> str:
    """The name of one language in another: `Kazakça` for `kaz` in `tur`; in English where none is known."""
    return _listed(code).display_name(_listed(language))


def _listed(code: str) -> langcodes.Language:
    return langcodes.Language.get(langcodes.standardize_tag(code.partition("_")[0], macro=True))


def _samples(identity: str) -> Iterator[str]:
    try:
        from gfmetadata import LanguageProto, text_format  # what gflanguages.LoadLanguages does, for one language

        file = importlib.resources.files("gflanguages.data") / "languages" / f"{identity}.textproto"
        sample = text_format.Parse(file.read_text(encoding="utf-8"), LanguageProto()).sample_text
    except (ImportError, FileNotFoundError):
        return
    for field in _FIELDS:
        for line in getattr(sample, field).splitlines():
            parts = (part.strip(" -–—፡") for part in _BETWEEN.split(line))
            yield from (part for part in parts if _SHORTEST <= len(part) <= _LONGEST)
