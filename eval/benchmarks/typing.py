"""Similarity of pairs whose second sentence is written as people type it: in another script, or without its marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from eval.benchmarks.data import Data, GradedPairs, Similarity
from eval.benchmarks.relatedness import SemRel
from eval.benchmarks.similarity import KardesSTS
from eval.benchmarks.source import Source

Change = Callable[[str], str]

_UNMARKED = str.maketrans("ıəƏɓƁɗƊƙƘƴƳ", "ieEbBdDkKyY")
"""Letters that a keyboard for English lacks and that Unicode does not decompose."""


def _table(letters: str, others: str) -> dict[str, str]:
    return dict(zip(letters.split(), others.split(), strict=True))


# The transforms Kazakh-Latin/BGN and Kirghiz-Latin/BGN of CLDR.
_KAZAKH = _table(
    "а ә б в г ғ д е ё ж з и й к қ л м н ң нг о ө п р с т у ұ ү ф х һ ц ч ш щ ъ ы і ь э ю я",
    "a ä b v g gh d e ë zh z ī ī\u0306 k q l m n ng n·g o ö p r s t ū u ü f kh h ts ch sh shch ʺ y i ʹ ė yu ya",
)
_KYRGYZ = _table(
    "а б в г д е ё ж з и й к л м н ң нг о ө п р с т у ү ф х ц ч ш щ ъ ы ь э ю я",
    "a b v g d e ë j z i ĭ k l m n ng n·g o ö p r s t u ü f kh ts ch sh shch ʺ y ʹ e yu ya",
)
# The Cyrillic alphabet that Uzbek had until 1995, and that much of it still has.
_UZBEK = _table(
    "yo' o' g' sh ch yo yu ya ye a b d e f g h i j k l m n o p q r s t u v x y z '",
    "йў ў ғ ш ч ё ю я е а б д е ф г ҳ и ж к л м н о п қ р с т у в х й з ъ",
)
# Letters that Unicode Technical Standard 39 calls confusable, and two of Kazakh.
_LOOKS = str.maketrans("аеорсухіһәАВЕКМНОРСТХІӘ", "aeopcyxihəABEKMHOPCTXIƏ")


def _transliteration(table: Mapping[str, str]) -> Change:
    pattern = re.compile("|".join(sorted(map(re.escape, table), key=len, reverse=True)), re.IGNORECASE)

    def letter(match: re.Match[str]) -> str:
        found = match.group()
        new = table[found.lower()]
        return new if found == found.lower() else new[:1].upper() + new[1:]

    def change(text: str) -> str:
        return pattern.sub(letter, unicodedata.normalize("NFC", re.sub("[‘’ʻʼ`]", "'", text)))

    return change


def _unmarked(text: str) -> str:
    """A text in the letters of a keyboard for English: without diacritics, hooks and signs for ь and ъ."""
    parts = unicodedata.normalize("NFD", text.translate(_UNMARKED))
    return re.sub("[·ʺʹ]", "", "".join(part for part in parts if not unicodedata.combining(part)))


def _in_latin(table: Mapping[str, str], marked: bool) -> Change:
    change = _transliteration(table)
    return change if marked else lambda text: _unmarked(change(text))


class _Typed:
    """The pairs of a benchmark within each language, with the second sentence changed."""

    changes: ClassVar[Mapping[str, Change]]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read each language on its own, and change its second sentences."""
        pairs = {code: self._one(code, split, source) for code in languages}  # type: ignore[attr-defined]
        return Similarity(
            {
                (code, code): GradedPairs(own.first, [self.changes[code](text) for text in own.second], own.gold)
                for code, own in pairs.items()
            },
            parallel=False,
        )


class KardesLatin(_Typed, KardesSTS):
    """Kazakh and Kyrgyz in Latin letters, by the romanisation of BGN/PCGN."""

    name = "kardes-latin"
    title = "Kardeş-NLU STS, one sentence in Latin letters"
    codes: ClassVar = {code: KardesSTS.codes[code] for code in ("kaz", "kir")}
    changes: ClassVar = {"kaz": _in_latin(_KAZAKH, marked=True), "kir": _in_latin(_KYRGYZ, marked=True)}


class KardesUnmarked(_Typed, KardesSTS):
    """The letters of a keyboard for English: Azerbaijani without diacritics, Kazakh and Kyrgyz also romanised."""

    name = "kardes-ascii"
    title = "Kardeş-NLU STS, one sentence in unmarked Latin letters"
    codes: ClassVar = {code: KardesSTS.codes[code] for code in ("azj", "kaz", "kir")}
    changes: ClassVar = {
        "azj": _unmarked,
        "kaz": _in_latin(_KAZAKH, marked=False),
        "kir": _in_latin(_KYRGYZ, marked=False),
    }


class KardesCyrillic(_Typed, KardesSTS):
    """Uzbek in its former Cyrillic alphabet."""

    name = "kardes-cyrillic"
    title = "Kardeş-NLU STS, one sentence in Cyrillic letters"
    codes: ClassVar = {"uzn": KardesSTS.codes["uzn"]}
    changes: ClassVar = {"uzn": _transliteration(_UZBEK)}


class KardesLookalikes(_Typed, KardesSTS):
    """Kazakh and Kyrgyz with Latin letters wherever they look like the Cyrillic ones."""

    name = "kardes-lookalikes"
    title = "Kardeş-NLU STS, one sentence with look-alike letters"
    codes: ClassVar = {code: KardesSTS.codes[code] for code in ("kaz", "kir")}
    changes: ClassVar = dict.fromkeys(("kaz", "kir"), lambda text: text.translate(_LOOKS))


class SemRelUnmarked(_Typed, SemRel):
    """Hausa without hooked letters."""

    name = "semrel-ascii"
    title = "SemRel 2024, track A, one sentence in unmarked Latin letters"
    codes: ClassVar = {"hau": "hau"}
    changes: ClassVar = {"hau": _unmarked}
