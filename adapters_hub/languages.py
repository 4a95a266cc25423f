"""Language codes: ISO 639-3, with an ISO 15924 script where it is needed (`kaz`, `kaz_Cyrl`)."""

from __future__ import annotations

import re

import langcodes
import pycountry

from adapters_hub.errors import AdaptersHubError

_CODE = re.compile(r"[a-z]{3}(_[A-Z][a-z]{3})?")


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
    """Whether two codes mean the same: `kaz` and `kaz_Cyrl` do, `uig_Cyrl` and `uig_Arab` do not."""
    (a, _, script_a), (b, _, script_b) = one.partition("_"), other.partition("_")
    return a == b and (not script_a or not script_b or script_a == script_b)


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
    """The code by which the Hub knows a language: two letters where there are any (`kk` for `kaz_Cyrl`)."""
    language = check_language(code).partition("_")[0]
    return str(getattr(pycountry.languages.get(alpha_3=language), "alpha_2", language))


def _guess(text: str) -> str | None:
    """The ISO 639-3 code meant by a two-letter code, a bibliographic code or an English name."""
    try:
        return str(pycountry.languages.lookup(text).alpha_3)
    except LookupError:
        return None
