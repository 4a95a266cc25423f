"""CLA: a parallel bottleneck brings a language to the pivot, whose vectors stand still."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from datasets import Dataset

from adapters_hub import ModularEncoder
from trainer.embedding_trainer import EmbeddingTrainer
from trainer.losses import contrastive_loss, cosine_loss, gather
from trainer.sentence_encoding import spread

COLUMNS = ("pivot", "target", "negative")
KINDS = {"both": ("paraphrase", "parallel"), "paraphrase": ("paraphrase",), "parallel": ("parallel",)}


def pivot_vectors(
    encoder: ModularEncoder | None, pivot: str, data: Dataset, rows: Sequence[int], path: Path
) -> np.ndarray:
    """Vectors of the pivot sentences that training will see, computed once and kept on disk.

    The pivot is frozen, so its vectors are constants: nothing of it is part of the trained model, where dropout or an
    optimizer could reach it, and nothing is encoded twice.

    Args:
        encoder: has the pivot's language module; not needed if the file is there.
        pivot: its language.
        data: pairs with the column `pivot`.
        rows: the rows that are needed.
        path: the `.npy` file to write, or to read if it is there.

    Returns:
        `[len(data), dim]`, float32, unit length, memory-mapped; rows that are not needed are zero.
    """
    state = PartialState()
    if state.is_main_process and not path.is_file():
        assert encoder is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        shape = (len(data), encoder.dimension)
        vectors = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=shape)
        needed = sorted(set(rows))
        texts = [text.strip() for text in data.select(needed)["pivot"]]
        vectors[needed] = encoder.encode(texts, pivot, show_progress=len(texts) > 1000)
        vectors.flush()
        unfinished.replace(path)
    state.wait_for_everyone()
    stored: np.ndarray = np.load(path, mmap_mode="r")
    return stored


class AlignmentTrainer(EmbeddingTrainer):
    """Alternates batches of paraphrases (contrastive) and of translations (cosine), or takes one kind.

    Args:
        kinds: what each part of the rows is: `paraphrase` or `parallel`.
        pivots: `[rows, dim]` for each part, from `pivot_vectors`.
        scale: factor of the cosine similarities.
        gradient_cache: see `EmbeddingTrainer`.
        arguments: those of `PhaseTrainer`.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        kinds: Sequence[str],
        pivots: Sequence[np.ndarray],
        scale: float,
        gradient_cache: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kinds = tuple(kinds)
        self.pivots = list(pivots)
        self.scale = scale
        self.gradient_cache = gradient_cache

    def vector_loss(self, vectors: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """The loss of a batch of one kind, from the target sentences' vectors."""
        part = int(batch["part"][0])
        count = len(batch["row"])
        pivots = torch.from_numpy(self.pivots[part][batch["row"].cpu().numpy()]).to(vectors.device)
        if self.kinds[part] == "parallel":
            return cosine_loss(vectors[:count], pivots)
        return contrastive_loss(
            gather(pivots),
            gather(vectors[:count]),
            gather(spread(vectors[count:], batch["has_negative"])),
            anchor_keys=gather(batch["pivot_key"]),
            positive_keys=gather(batch["target_key"]),
            negative_keys=gather(batch["negative_key"]),
            has_negative=gather(batch["has_negative"]),
            scale=self.scale,
        )
