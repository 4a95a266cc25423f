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
# CLDR's distance between a macro-language and the language that it usually stands for: 0; 1 for Norwegian and Bokmål.
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

    `kaz` and `kaz_Cyrl` do, `uig_Cyrl` and `uig_Arab` do not. A macro-language means the same as the one language that
    it usually stands for: `uzb` and `uzn`, `zho` and `cmn`, `ara` and `arb`, but not `ara` and `arz`. Two-letter codes
    mean the same as three-letter codes (`uz` and `uzb`), and a hyphen the same as an underscore (`zh-Hans`). Text that
    is not a code equals only itself.

    References:
        Language aliases and distances of CLDR, as `langcodes` ships them.
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
    """The code in `among` that means the same language as `code`; None if there is none.

    The code itself is preferred, then one in the script of `usual_script`, then the first one.
    """
    found = [known for known in among if same_language(code, known)]
    if not found or code in found:
        return code if found else None
    script = usual_script(code)
    return next((known for known in found if known.replace("-", "_").endswith(f"_{script}")), found[0])


def usual_script(code: str) -> str:
    """The ISO 15924 script of a language: the one that its code names, else its usual one."""
    tag = _tag(code)
    return (tag and langcodes.Language.get(tag.to_tag()).maximize().script) or "Latn"


def language_name(code: str) -> str:
    """The English name of an ISO 639-3 code, for example `Kazakh` for `kaz_Cyrl`."""
    language = pycountry.languages.get(alpha_3=check_language(code).partition("_")[0])
    assert language is not None
    return str(language.name)


def autonym(code: str) -> str:
    """The language's own name, `қазақ тілі` for `kaz`; its English name where none is known."""
    check_language(code)
    return langcodes.Language.get(code.replace("_", "-")).autonym()


def hub_code(code: str) -> str:
    """The Hub's code for a language: two letters if the language or its macro-language has such a code, else three.

    `kk` for `kaz_Cyrl`, `zh` for `cmn`, `uz` for `uzn`, `kab` for `kab`.
    """
    language = check_language(code).partition("_")[0]
    if two := getattr(pycountry.languages.get(alpha_3=language), "alpha_2", None):
        return str(two)
    macro = langcodes.standardize_tag(language, macro=True)
    return macro if len(macro) == 2 else language


def long_code(code: str) -> str | None:
    """The ISO 639-3 code for a code of two or three letters; None if it is not a language."""
    try:
        long = langcodes.Language.get(code).to_alpha3()
    except (ValueError, LookupError):
        return None
    return long if pycountry.languages.get(alpha_3=long) else None


@functools.cache
def _tag(code: str) -> langcodes.Language | None:
    # Stricter than `langcodes`: `de-en` is a pair of languages, not one language.
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
