"""Encoders of other libraries: a SentenceTransformer, and any model with MTEB's protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from adapters_hub.bridges import transformer_fingerprint
from eval.encoders.encoder import Encoder, Role


class SentenceTransformerEncoder(Encoder):
    """A `SentenceTransformer`, with its own pooling and default prompt.

    Args:
        model: the loaded model.
        name: display name, used in tables.
        batch_size: sentences per pass.
    """

    kind = "base"

    def __init__(self, model: Any, name: str, batch_size: int = 32) -> None:  # noqa: ANN401
        self.model, self.name, self.batch_size = model, name, batch_size
        self._fingerprint = transformer_fingerprint(model)

    def fingerprint(self, language: str, across: bool) -> str:
        """Fingerprint of everything that its vectors depend on."""
        return self._fingerprint

    def encode(self, sentences: Sequence[str], language: str, across: bool, role: Role | None = None) -> np.ndarray:
        """Vectors `[n, dim]`, with the model's own prompt for queries or documents if it has one."""
        encode = {None: self.model.encode, "query": self.model.encode_query, "document": self.model.encode_document}
        vectors: np.ndarray = encode[role](
            list(sentences), batch_size=self.batch_size, convert_to_numpy=True, show_progress_bar=False
        )
        return vectors.astype(np.float32)

    def describe(self) -> dict[str, object]:
        """Facts that the model states about itself."""
        return {
            "library": "sentence-transformers",
            "prompts": dict(self.model.prompts),
            "max_length": self.model.max_seq_length,
        }


class MTEBModel(Encoder):
    """An object with MTEB's `encode(inputs, *, task_metadata, hf_split, hf_subset)`.

    MTEB passes sentences in a data loader together with a task, from which an encoder may read the language. Here the
    task is always monolingual, in the language of the sentences.

    Args:
        model: the model; `mteb_model_meta` holds its name and revision.
        name: display name, used in tables.
        batch_size: sentences per pass.
    """

    kind = "base"

    def __init__(self, model: Any, name: str, batch_size: int = 32) -> None:  # noqa: ANN401
        self.model, self.name, self.batch_size = model, name, batch_size

    def fingerprint(self, language: str, across: bool) -> str:
        """Fingerprint of the model's name, revision and language, since its weights are not accessible."""
        meta = self.model.mteb_model_meta
        facts = (type(self.model).__qualname__, str(meta.name), str(meta.revision), id(self.model), language, across)
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def encode(self, sentences: Sequence[str], language: str, across: bool, role: Role | None = None) -> np.ndarray:
        """Vectors `[n, dim]`; the model learns the role of the texts as MTEB's prompt type."""
        from datasets import Dataset
        from mteb.types import PromptType
        from torch.utils.data import DataLoader

        rows = Dataset.from_dict({"text": list(sentences)})
        loader = DataLoader(rows, batch_size=self.batch_size)  # type: ignore[arg-type]
        vectors = self.model.encode(
            loader,
            task_metadata=_task(language, across),
            hf_split="test",
            hf_subset=language,
            prompt_type=PromptType(role) if role else None,
        )
        return np.asarray(vectors, dtype=np.float32)

    def describe(self) -> dict[str, object]:
        """Facts that the model states about itself."""
        meta = self.model.mteb_model_meta
        return {"library": "mteb", "model": str(meta.name), "revision": str(meta.revision)}


def _task(language: str, across: bool) -> Any:  # noqa: ANN401
    from mteb.abstasks.task_metadata import TaskMetadata

    code, _, script = language.partition("_")
    langscript = f"{code}-{script or 'Latn'}"
    return TaskMetadata(
        name="ModularSentenceEncodersEvaluation",
        description="Sentences of one language.",
        dataset={"path": "modular-sentence-encoders/evaluation", "revision": "1"},
        type="BitextMining" if across else "STS",
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs={language: [langscript]},
        main_score="cosine_spearman",
    )
