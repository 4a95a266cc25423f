"""The trainer of stage 1's sentence encoding, of stage 2 and of the monolithic controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from trainer.objectives.kinds import ROLES
from trainer.objectives.losses import contrastive_loss, cosine_loss, gather, graded_loss, relational_loss
from trainer.training.embedding_trainer import EmbeddingTrainer


class FrozenVectors(Protocol):
    """Vectors of a frozen encoder, looked up by the keys of their texts."""

    def __getitem__(self, keys: np.ndarray) -> np.ndarray:
        """Keys `[n]` to vectors `[n, dim]`."""


class ObjectiveTrainer(EmbeddingTrainer):
    """Trains sentence vectors on batches of one kind each; see `trainer.objectives.kinds`.

    Args:
        kinds: the kind of each part of the rows.
        scale: factor of the cosine similarities.
        gradient_cache: see `EmbeddingTrainer`.
        pivots: the pivot's vectors, if its texts are frozen.
        teachers: vectors, of any dimension, whose similarities are the targets of `relational` and `graded`; by default
            `pivots`.
        args: as in `PhaseTrainer`; the collator must be an `ObjectiveCollator` with the same kinds.
        kwargs: as in `PhaseTrainer`.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        kinds: Sequence[str],
        scale: float,
        gradient_cache: bool,
        pivots: FrozenVectors | None = None,
        teachers: FrozenVectors | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kinds = tuple(kinds)
        self.scale = scale
        self.gradient_cache = gradient_cache
        self.pivots = pivots
        self.teachers = teachers if teachers is not None else pivots

    def vector_loss(self, vectors: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """The loss of a batch of one kind, from the vectors `[texts, dim]` of its encoded texts."""
        kind = self.kinds[int(batch["part"][0])]
        if kind == "relational":
            return relational_loss(gather(vectors), gather(self._lookup(self.teachers, batch["pivot_key"])), self.scale)
        by_role = self._by_role(vectors, batch)
        if kind == "parallel":
            return cosine_loss(by_role["target"], by_role["pivot"])
        if kind == "graded":
            own, pivots = gather(by_role["target"]), gather(by_role["pivot"])
            relations = gather(self._lookup(self.teachers, batch["pivot_key"]))
            # Training on cross-lingual similarities alone would distort the similarities within the language.
            return graded_loss(own, pivots, self.scale, relations) + relational_loss(own, relations, self.scale)
        return contrastive_loss(
            *(gather(by_role[role]) for role in ROLES),
            anchor_keys=gather(batch["anchor_key"]),
            positive_keys=gather(batch["positive_key"]),
            negative_keys=gather(batch["negative_key"]),
            has_negative=gather(batch["negative_there"]),
            scale=self.scale,
        )

    def _by_role(self, vectors: torch.Tensor, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Vectors `[n, dim]` of each role: encoded or looked up, and zeros where a text is missing."""
        found = {}
        start = 0
        for role in (name.removesuffix("_there") for name in batch if name.endswith("_there")):
            there, frozen = batch[f"{role}_there"], batch[f"{role}_frozen"]
            encoded = there & ~frozen
            end = start + int(encoded.sum())
            rows = vectors.new_zeros(len(there), vectors.shape[-1])
            if end > start:
                rows = rows.masked_scatter(encoded[:, None], vectors[start:end])
            if frozen.any():
                looked_up = self._lookup(self.pivots, batch[f"{role}_key"][frozen]).to(rows.dtype)
                rows = rows.masked_scatter(frozen[:, None], looked_up)
            found[role] = rows
            start = end
        return found

    def _lookup(self, vectors: FrozenVectors | None, keys: torch.Tensor) -> torch.Tensor:
        assert vectors is not None
        return torch.from_numpy(vectors[keys.cpu().numpy()]).to(self.args.device)
