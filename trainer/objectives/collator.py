"""Collate batches of one kind: texts for the trained encoder, and keys of the vectors to look up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from trainer.data.batches import passes, usual_tokens_per_pass
from trainer.objectives.kinds import CROSS_LINGUAL, ROLES, TRANSLATION


class Cell(NamedTuple):
    """One text of a row.

    Attributes:
        key: the text's key, from `text_key`.
        ids: the ids of its tokens; empty if the text is missing.
        frozen: whether its vector is looked up by the key instead of being encoded.
    """

    key: int
    ids: Sequence[int]
    frozen: bool


_MISSING = Cell(0, (), False)


class ObjectiveCollator:
    """Collates rows of one kind; any kind is possible.

    For each cross-lingual paraphrase two different languages are drawn, one for the anchor and one for the positive.
    The hard negative is in a third language if the row has a negative in one, else in one of the two. So the anchors of
    a batch are of all languages, and so are the candidates: moving a whole language away does not lower the loss. The
    draw depends on the seed and on the row's `draw` alone, so it is the same after a resume and on any number of
    processes.

    Args:
        kinds: the kind of each part of the rows.
        languages: the languages of each part; the pivot comes first if there are several.
        pad_id: padding id of the tokenizer.
        seed: the recipe's seed.
        frozen: the language whose vectors are looked up instead of trained (the pivot); None: every text is encoded.
        tokens_per_pass: see `passes`; None for the device's default.

    Returns (from a call):
        `passes` over the encoded texts, role by role and within a role row by row; `part` and `row`, `[n]`; and for
        each role of the kind `<role>_key`, `<role>_there` and `<role>_frozen`, `[n]`: the text's key, whether the text
        exists, and whether its vector is looked up.

    Source: the authors' data loader for the draw of the languages (DESIGN, "Cross-lingual alignment").
    """

    def __init__(
        self,
        kinds: Sequence[str],
        languages: Sequence[Sequence[str]],
        pad_id: int,
        seed: int,
        frozen: str | None = None,
        tokens_per_pass: int | None = None,
    ) -> None:
        self.kinds = tuple(kinds)
        self.languages = [tuple(codes) for codes in languages]
        self.pad_id = pad_id
        self.seed = seed
        self.frozen = frozen
        self.tokens_per_pass = tokens_per_pass or usual_tokens_per_pass()

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate rows of `Rows`, all of one part."""
        part = rows[0]["part"]
        kind = self.kinds[part]
        if kind == CROSS_LINGUAL:
            cells = [self._drawn(row, self.languages[part]) for row in rows]
        elif kind == "contrastive":
            cells = [{role: _cell(row, role, frozen=False) for role in ROLES} for row in rows]
        else:
            pivot, target = TRANSLATION
            cells = [
                {target: _cell(row, target, frozen=False), pivot: _cell(row, pivot, frozen=self.frozen is not None)}
                for row in rows
            ]
        roles = list(cells[0])
        texts = [row[role].ids for role in roles for row in cells if row[role].ids and not row[role].frozen]
        batch: dict[str, Any] = {"passes": passes(texts, self.tokens_per_pass, self.pad_id)}
        for role in roles:
            batch[f"{role}_key"] = torch.tensor([row[role].key for row in cells], dtype=torch.long)
            batch[f"{role}_there"] = torch.tensor([row[role].frozen or bool(row[role].ids) for row in cells])
            batch[f"{role}_frozen"] = torch.tensor([row[role].frozen for row in cells])
        for name in ("part", "row"):
            batch[name] = torch.tensor([row[name] for row in rows], dtype=torch.long)
        return batch

    def _drawn(self, row: dict[str, Any], languages: Sequence[str]) -> dict[str, Cell]:
        chance = np.random.default_rng([self.seed, row["draw"]])
        there = [code for code in languages if row[f"{code}_anchor_there"]]
        first, second = (there[place] for place in chance.choice(len(there), 2, replace=False))
        negatives = [code for code in languages if row[f"{code}_negative_there"]]
        negatives = [code for code in negatives if code not in (first, second)] or negatives
        drawn = {"anchor": self._of(row, first, "anchor"), "positive": self._of(row, second, "positive")}
        drawn["negative"] = _MISSING
        if negatives:
            drawn["negative"] = self._of(row, negatives[int(chance.integers(len(negatives)))], "negative")
        return drawn

    def _of(self, row: dict[str, Any], language: str, role: str) -> Cell:
        return _cell(row, f"{language}_{role}", frozen=language == self.frozen)


def _cell(row: dict[str, Any], column: str, frozen: bool) -> Cell:
    return Cell(row[f"{column}_key"], row.get(f"{column}_ids") or (), frozen)
