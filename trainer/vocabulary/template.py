"""Renumber the token ids in `tokenizer.json`'s post-processor, which adds special tokens such as `<s>` and `</s>`."""

from __future__ import annotations

from typing import Any


def renumber_template(processor: dict[str, Any] | None, renumbered: dict[int, int]) -> None:
    """Renumber the ids in a post-processor (a template, RoBERTa's, BERT's, a sequence of these, or None), in place."""
    if processor is None:
        return
    for inner in processor.get("processors", ()):
        renumber_template(inner, renumbered)
    if isinstance(special := processor.get("special_tokens"), dict):
        for entry in special.values():
            entry["ids"] = [renumbered[index] for index in entry["ids"]]
    for role in ("cls", "sep"):
        if isinstance(processor.get(role), list):
            processor[role][1] = renumbered[processor[role][1]]
