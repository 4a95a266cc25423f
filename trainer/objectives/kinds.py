"""The kinds of batches, and the kinds that make up each objective.

| kind | a row | loss |
| --- | --- | --- |
| `contrastive` | paraphrases within a language | each anchor finds its positive |
| `relational` | a pivot sentence and its translation | similarities within the batch match the teacher's |
| `paraphrase` | paraphrases across languages | contrastive; the languages of anchor and positive are drawn per row |
| `parallel` | a pivot sentence and its translation | cosine distance to the pivot sentence |
| `graded` | a pivot sentence and its translation | similarities to the pivot and within the batch match the teacher's |
"""

from __future__ import annotations

from collections.abc import Sequence

ROLES = ("anchor", "positive", "negative")
"""The texts of a paraphrase; the last one, the hard negative, may be missing."""
TRANSLATION = ("pivot", "target")
"""The texts of a translation."""

ENCODING = {
    "contrastive": ("contrastive",),
    "relational": ("relational",),
    "both": ("contrastive", "relational"),
}
"""The kinds of `se.objective`."""
ALIGNMENT = {
    "both": ("paraphrase", "parallel"),
    "paraphrase": ("paraphrase",),
    "parallel": ("parallel",),
    "graded": ("graded",),
    "balanced": ("graded", "parallel"),
}
"""The kinds of `cla.objectives`."""
CROSS_LINGUAL = "paraphrase"
"""The kind whose rows hold the same paraphrase in several languages."""


def columns_of(kind: str, languages: Sequence[str]) -> tuple[str, ...]:
    """The text columns of a kind.

    Args:
        kind: one of the table above.
        languages: the languages of a cross-lingual row, the pivot first; ignored for other kinds.
    """
    if kind == CROSS_LINGUAL:
        return tuple(f"{language}_{role}" for language in languages for role in ROLES)
    return ROLES if kind == "contrastive" else TRANSLATION


def languages_of(kind: str, languages: Sequence[str]) -> dict[str, str]:
    """The language of each text column of a kind.

    Args:
        kind: one of the table above.
        languages: the languages of a row, the pivot first if there are several.
    """
    if kind == CROSS_LINGUAL:
        codes = [language for language in languages for _ in ROLES]
    else:
        codes = [languages[0]] * len(ROLES) if kind == "contrastive" else list(languages)
    return dict(zip(columns_of(kind, languages), codes, strict=True))
