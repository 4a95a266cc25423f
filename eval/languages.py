"""Language codes, and the paper's 23 languages."""

from __future__ import annotations

from adapters_hub.languages import find_language as find_language
from adapters_hub.languages import same_language as same_language
from adapters_hub.languages import usual_script as usual_script

PAPER = (
    "eng", "ces", "fra", "deu", "tur", "tel", "hau", "amh", "mar", "spa", "arb", "azj", "kaz", "kir", "uig", "uzn",
    "ita", "nld", "kor", "kin", "pol", "rus", "zho",
)  # fmt: skip
"""The 23 languages of Huang et al. 2025."""
