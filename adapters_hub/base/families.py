"""What encoders of well-known families expect, where their files do not say it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Encoders that are called alike.

    Attributes:
        names: regular expression over the whole last part of a name, in lower case.
        pooling: how their vectors are pooled.
        prompt: for tasks in which both sides are alike, such as similarity.
        pooler: whether their vectors go through BERT's own pooler, a dense layer with tanh.
    """

    names: str
    pooling: str
    prompt: str = ""
    pooler: bool = False


_SIZES = r"-(tiny|small|base|large)(-v\d+)?"
# The first that fits. A name that only begins like one of these is of another encoder.
FAMILIES = (
    # Wang et al. 2024, Multilingual E5: the instruction of the authors for semantic similarity.
    Family(rf"(multilingual-)?e5{_SIZES}-instruct", "mean", "Instruct: Retrieve semantically similar text.\nQuery: "),
    Family(rf"(multilingual-)?e5{_SIZES}(-unsupervised)?", "mean", "query: "),
    Family("labse", "cls", pooler=True),
    Family(r"bge-m3|bge-(small|base|large)-(en|zh)(-v[\d.]+)?", "cls"),
    Family(r"gte-(multilingual|modernbert)-base|snowflake-arctic-embed-.+", "cls"),
    Family(r"sonar(_200)?(_text_encoder)?|paraphrase-multilingual-.+|all-minilm-.+|distiluse-.+", "mean"),
    Family(r"qwen3-embedding-[\d.]+b", "last"),
    Family(r"embeddinggemma-\d+m", "mean", "task: sentence similarity | query: "),
)


def family_of(name: str) -> Family | None:
    """The family of an encoder by its name (`org/name`, a folder); None if it is of none of these."""
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1].lower()
    return next((family for family in FAMILIES if re.fullmatch(family.names, last)), None)
