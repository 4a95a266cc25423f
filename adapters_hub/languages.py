"""Language codes: ISO 639-3, with an ISO 15924 script where it is needed (`kaz`, `kaz_Cyrl`)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

import langcodes
import pycountry

from adapters_hub.errors import AdaptersHubError

_CODE = re.compile(r"[a-z]{3}(_[A-Z][a-z]{3})?")
_ANY_CODE = re.compile(r"[a-z]{2,3}([-_][A-Z][a-z]{3})?([-_][A-Z]{2})?")
# CLDR's distance of a macro-language and the language that is meant by it: 0, and 1 for Norwegian and Bokmål.
_SAME = 1


def check_language(code: str) -> str:
    """Return `code` if it is an ISO 639-3 language code, optionally followed by `_` and an ISO 15924 script.

    Raises:
        AdaptersHubError: it is not; the message suggests the three-letter code where one can be guessed.
    """
    language, _, script = code.partition("_") if isinstance(code, str) else ("", "", "")
    if isinstance(code, str) and _CODE.fullmatch(code):
        known_language = pycountry.languages.get(alpha_3=language) is not None
        known_script = not script or pycountry.scripts.get(alpha_4=script) is not None
        if known_language and known_script:
            return code
    guess = _guess(language)
    hint = f"did you mean {guess!r}?" if guess else "see https://iso639-3.sil.org for the list"
    raise AdaptersHubError(f"language {code!r} is not an ISO 639-3 code such as 'deu' or 'kaz_Cyrl': {hint}")


def same_language(one: str, other: str) -> bool:
    """Whether two codes mean the same language, in the same script if both name one.

    `kaz` and `kaz_Cyrl` do, `uig_Cyrl` and `uig_Arab` do not. A macro-language and the one language that is meant where
    it is named alone do: `uzb` and `uzn`, `zho` and `cmn`, `ara` and `arb`, but not `ara` and `arz`. So do two and
    three letters, `uz` and `uzb`, and spellings with a hyphen, `zh-Hans`. What is no code is the same as itself only.

    References:
        The aliases and distances of languages in CLDR, as `langcodes` ships them.
    """
    if one == other:
        return True
    first, second = _tag(one), _tag(other)
    if not (first and second and first.language and second.language):
        return False
    if first.script and second.script and first.script != second.script:
        return False
    return _are_same(first.language, second.language)


def find_language(code: str, among: Iterable[str]) -> str | None:
    """The code among these that means the same as `code`; None if there is none.

    The code itself comes first, then one in the script that the language is usually written in, then the first.
    """
    found = [known for known in among if same_language(code, known)]
    if not found or code in found:
        return code if found else None
    script = usual_script(code)
    return next((known for known in found if known.replace("-", "_").endswith(f"_{script}")), found[0])


def usual_script(code: str) -> str:
    """The script that a language is written in, as ISO 15924: the one that its code names, else the usual one."""
    tag = _tag(code)
    return (tag and langcodes.Language.get(tag.to_tag()).maximize().script) or "Latn"


def language_name(code: str) -> str:
    """The English name of an ISO 639-3 code, for example `Kazakh` for `kaz_Cyrl`."""
    language = pycountry.languages.get(alpha_3=check_language(code).partition("_")[0])
    assert language is not None
    return str(language.name)


def autonym(code: str) -> str:
    """The name of a language in itself, `қазақ тілі` for `kaz`; in English where none is known."""
    check_language(code)
    return langcodes.Language.get(code.replace("_", "-")).autonym()


def hub_code(code: str) -> str:
    """The code by which the Hub knows a language: two letters where there are any, also of its macro-language.

    `kk` for `kaz_Cyrl`, `zh` for `cmn`, `uz` for `uzn`, `kab` for `kab`.
    """
    language = check_language(code).partition("_")[0]
    if two := getattr(pycountry.languages.get(alpha_3=language), "alpha_2", None):
        return str(two)
    macro = langcodes.standardize_tag(language, macro=True)
    return macro if len(macro) == 2 else language


def long_code(code: str) -> str | None:
    """ISO 639-3 for a code of two or three letters; None where it is no language."""
    try:
        long = langcodes.Language.get(code).to_alpha3()
    except (ValueError, LookupError):
        return None
    return long if pycountry.languages.get(alpha_3=long) else None


@functools.cache
def _tag(code: str) -> langcodes.Language | None:
    # Not every tag that `langcodes` could read: `de-en` is a pair of languages.
    return langcodes.Language.get(code.replace("_", "-"), normalize=False) if _ANY_CODE.fullmatch(code) else None


@functools.cache
def _are_same(one: str, other: str) -> bool:
    return langcodes.tag_distance(one, other) <= _SAME


def _guess(text: str) -> str | None:
    """The ISO 639-3 code meant by a two-letter code, a bibliographic code or an English name."""
    try:
        return str(pycountry.languages.lookup(text).alpha_3)
    except LookupError:
        return None
