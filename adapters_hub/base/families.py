"""The pooling and prompt that encoders of well-known families expect, for when their files do not state them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """A family of encoders, recognised by their names.

    Attributes:
        names: regular expression that matches the whole last part of an encoder's name, in lower case.
        pooling: how the encoders pool token vectors.
        prompt: the prompt for tasks that treat both texts alike, such as similarity.
        prompts: the prompts of queries and documents, where they differ from `prompt`.
        pooler: whether pooled vectors pass through BERT's own pooler, a dense layer with tanh.
    """

    names: str
    pooling: str
    prompt: str = ""
    prompts: Mapping[str, str] = field(default_factory=dict)
    pooler: bool = False


_SIZES = r"-(tiny|small|base|large)(-v\d+)?"
# The first family that matches counts. The whole name must match: other encoders have names that begin alike.
FAMILIES = (
    # The authors' instructions for semantic similarity and for search (Wang et al. 2024, Multilingual E5).
    Family(
        rf"(multilingual-)?e5{_SIZES}-instruct",
        "mean",
        "Instruct: Retrieve semantically similar text.\nQuery: ",
        {
            "query": "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
            "document": "",
        },
    ),
    Family(rf"(multilingual-)?e5{_SIZES}(-unsupervised)?", "mean", "query: ", {"document": "passage: "}),
    Family("labse", "cls", pooler=True),
    Family(r"bge-m3|bge-(small|base|large)-(en|zh)(-v[\d.]+)?", "cls"),
    Family(r"gte-(multilingual|modernbert)-base|snowflake-arctic-embed-.+", "cls"),
    Family(r"sonar(_200)?(_text_encoder)?|paraphrase-multilingual-.+|all-minilm-.+|distiluse-.+", "mean"),
    Family(r"qwen3-embedding-[\d.]+b", "last"),
    Family(r"embeddinggemma-\d+m", "mean", "task: sentence similarity | query: "),
)


def family_of(name: str) -> Family | None:
    """The family of an encoder, given its name (`org/name` or a folder); None if it belongs to none of them."""
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1].lower()
    return next((family for family in FAMILIES if re.fullmatch(family.names, last)), None)
