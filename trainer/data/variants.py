"""Variants of a language's text as people type it: some training rows show the variant in place of the text."""

from __future__ import annotations

import hashlib

import numpy as np
from datasets import Dataset

from trainer.data.rules import Rules, normalizer


def with_variants(rows: Dataset, columns: tuple[str, ...], rules: Rules, share: float, seed: int) -> Dataset:
    """Rewrite the texts of some rows; the order and the other columns stay as they are.

    Args:
        rows: the rows.
        columns: the text columns of the language.
        rules: rules that turn text of the language into the variant.
        share: share of the rows to rewrite.
        seed: seed of the choice of rows.
    """
    if not rules or not share:
        return rows
    steps = normalizer(rules)

    def run(batch: dict[str, list[str]], numbers: list[int]) -> dict[str, list[str]]:
        chosen = [np.random.default_rng([seed, number]).random() < share for number in numbers]
        return {
            column: [
                steps.normalize_str(text) if there and text else text
                for text, there in zip(batch[column], chosen, strict=True)
            ]
            for column in columns
        }

    key = repr((rows._fingerprint, columns, list(rules), share, seed))
    fingerprint = hashlib.sha256(key.encode()).hexdigest()[:32]
    return rows.map(run, batched=True, with_indices=True, new_fingerprint=fingerprint)
