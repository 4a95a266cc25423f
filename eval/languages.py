"""Languages as benchmarks name them."""

from __future__ import annotations

from adapters_hub.languages import same_language as same_language

PAPER = (
    "eng", "ces", "fra", "deu", "tur", "tel", "hau", "amh", "mar", "spa", "arb", "azj", "kaz", "kir", "uig", "uzn",
    "ita", "nld", "kor", "kin", "pol", "rus", "zho",
)  # fmt: skip
"""The 23 languages of Huang et al. 2025."""

# Where a corpus has a language in several scripts: the one that is meant when none is named.
USUAL_SCRIPT = {"zho": "Hans", "arb": "Arab", "azj": "Latn", "uzn": "Latn", "uig": "Arab", "kaz": "Cyrl", "kir": "Cyrl"}


def with_script(language: str, available: list[str]) -> str | None:
    """The one of a corpus's `lan_Scri` codes that a code means; None if it has none."""
    found = [code for code in available if same_language(code, language)]
    usual = f"{language}_{USUAL_SCRIPT.get(language, '')}"
    return usual if usual in found else found[0] if found else None
