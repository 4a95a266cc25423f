"""The characters that a language's vocabulary always contains, whatever the text: its letters, and all symbols."""

from __future__ import annotations

import importlib.resources
import logging
import string
from collections.abc import Iterator

import langcodes
import regex
from gfmetadata import LanguageProto, text_format

logger = logging.getLogger(__name__)

# Digits, punctuation, currency and other symbols of every script; accents, joiners and apostrophes that scripts share.
_SIGN = regex.compile(
    r"[\p{N}\p{P}\p{S}[[\p{M}\p{Cf}\p{Lm}]&&[\p{Script=Common}\p{Script=Inherited}]]]", regex.VERSION1
)
_HOLDER = "\u25cc"
"""The dotted circle to which CLDR attaches combining marks."""
_MOST_LETTERS = 1000
"""A script with more letters is not an alphabet: it has thousands of syllables or logographs, and a text uses few."""


class Characters:
    """The characters that a vocabulary keeps even if the text lacks them: `"ß" in Characters("deu")`.

    They are the letters, marks, digits and punctuation of every orthography of the language, in upper and lower case,
    the letters a to z, and the digits, punctuation and symbols of all scripts.

    Args:
        language: ISO 639-3, optionally with a script, which then replaces the language's usual script.

    Attributes:
        letters: the alphabet of the language's usual script; empty for scripts with thousands of letters, and for
            languages whose letters are not known, with a warning.

    References:
        The exemplar characters of CLDR, and of Google Fonts for languages that CLDR lacks, as shipped by `gflanguages`.
    """

    def __init__(self, language: str) -> None:
        code, _, script = language.partition("_")
        own_script = script or langcodes.Language.get(code).maximize().script
        letters: set[str] = set()
        known: set[str] = set()
        for entry in _orthographies(code):
            fields = entry.exemplar_chars
            known |= _expanded(*(getattr(fields, name) for name in ("auxiliary", "index", "numerals", "punctuation")))
            alphabet = _expanded(fields.base, fields.marks)
            known |= alphabet
            if entry.script == own_script and len(alphabet) <= _MOST_LETTERS:
                letters |= alphabet
        if not known:
            logger.warning(
                "%s: its letters are not known; beyond a to z, the vocabulary has only the letters in its text",
                language,
            )
        self.letters = frozenset(letters)
        self._known = frozenset(known) | frozenset(string.ascii_letters)

    def __contains__(self, character: object) -> bool:
        return character in self._known or (isinstance(character, str) and _SIGN.fullmatch(character) is not None)


def _orthographies(code: str) -> Iterator[LanguageProto]:
    """The entries of a language and of its macrolanguage, because some languages are listed only as the latter.

    `gflanguages.LoadLanguages` would parse the files of all languages, which takes half a second.
    """
    listed = {langcodes.standardize_tag(code), langcodes.standardize_tag(code, macro=True)}
    for file in (importlib.resources.files("gflanguages.data") / "languages").iterdir():
        if file.name.partition("_")[0] in listed:
            yield text_format.Parse(file.read_text(encoding="utf-8"), LanguageProto())


def _expanded(*lists: str) -> set[str]:
    """The characters of exemplar lists, in both cases; `a-d` is a range, `{ch}` a letter of several characters."""
    return {
        variant
        for text in lists
        for item in text.split()
        for character in _characters(item)
        for variant in (character, character.lower(), character.upper())
        if len(variant) == 1
    }


def _characters(item: str) -> Iterator[str]:
    first, dash, last = item.partition("-")
    if dash and len(first) == len(last) == 1:
        yield from map(chr, range(ord(first), ord(last) + 1))
    else:
        yield from (
            character for character in item if character != _HOLDER and (item[0] != "{" or character not in "{}")
        )
