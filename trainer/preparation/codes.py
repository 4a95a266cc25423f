"""The codes that data sets use for a language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pycountry

from adapters_hub.languages import hub_code, usual_script

Style = Literal["iso3", "iso1", "script"]


def codes_of(language: str, style: Style, exceptions: Mapping[str, str] | None = None) -> list[str]:
    """The codes that a data set may use for a language, the likeliest first.

    Data sets mix codes of individual languages and of macro-languages: `uzn`, `uzb` and `uz` mean the same there.

    Args:
        language: ISO 639-3, optionally with a script (`kaz`, `kaz_Cyrl`).
        style: `iso3` (`kaz`), `iso1` (`kk`, `kaz` where there is no such code) or `script` (`kaz_Cyrl`).
        exceptions: this data set's own codes by ISO 639-3 code, for languages to which the style does not apply.
    """
    individual, _, _ = language.partition("_")
    if exceptions and (own := exceptions.get(language, exceptions.get(individual))):
        return [own]
    macro = hub_code(individual)
    known = pycountry.languages.get(alpha_2=macro) if len(macro) == 2 else None
    long = [individual, *([known.alpha_3] if known else [])]
    if style == "iso3":
        codes = long
    elif style == "iso1":
        codes = [macro, *long]
    else:
        codes = [f"{code}_{usual_script(language)}" for code in long]
    return list(dict.fromkeys(codes))
