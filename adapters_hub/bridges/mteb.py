"""A `ModularEncoder` as a model that MTEB evaluates: each subset of a task by the module of its language."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.errors import AdaptersHubError
from adapters_hub.languages import same_language, usual_script
from adapters_hub.requirements import needed_for
from adapters_hub.texts import Empty

with needed_for("an evaluation by MTEB"):
    from mteb.models import ModelMeta
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ScoringFunction

if TYPE_CHECKING:
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.types import BatchedInput, PromptType
    from torch.utils.data import DataLoader


class MTEBEncoder(AbsEncoder):
    """What `mteb.evaluate` takes as a model.

    The language of a subset comes from the task's metadata; in a parallel bitext task MTEB names the column. Where a
    subset has two languages and the columns do not say which is which, as in cross-lingual STS, MTEB does not tell the
    model the side, and the task is refused: the project's own evaluation does it.

    Args:
        encoder: with a module for every language that is evaluated.
        align: as for `ModularEncoder.encode`; None: on for bitext mining, for the languages that have an alignment
            adapter, and off for tasks within one language.
        batch_size: sentences per pass; None: what MTEB asks for.
        empty: what to do about empty texts: `error` refuses them by their numbers, `missing` gives them vectors of
            zeros, which are similar to nothing; MTEB's classifiers and searches take no NaN.
        name: `organisation/model` that results are stored under.

    Example:
        >>> mteb.evaluate(MTEBEncoder(encoder), mteb.get_tasks(["STS22.v2"], languages=["deu"]))
    """

    def __init__(
        self,
        encoder: ModularEncoder,
        align: Align | None = None,
        *,
        batch_size: int | None = None,
        empty: Empty = "error",
        name: str = "modular-sentence-encoders/composed",
    ) -> None:
        self.model = encoder
        self.align = align
        self.batch_size = batch_size
        self.empty = empty
        self.name = name

    @property
    def mteb_model_meta(self) -> ModelMeta:  # type: ignore[override]
        """What MTEB records of the model; the revision changes with everything that its vectors depend on."""
        encoder = self.model
        parts = [repr(self.align), str(encoder.dtype), encoder.base.fingerprint]
        for code, objectives in sorted(encoder.alignments.items()):
            parts += encoder.fingerprints(code)
            parts += [encoder.manifest(code, objective).fingerprint for objective in sorted(objectives)]
        lengths = [encoder.manifest(code).max_length for code in encoder.languages]
        return ModelMeta(
            loader=None,
            name=self.name,
            revision=hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40],
            release_date=None,
            languages=[_langscript(code) for code in encoder.languages],
            n_parameters=None,
            memory_usage_mb=None,
            max_tokens=max(lengths, default=None),
            embed_dim=encoder.dimension,
            license=None,
            open_weights=None,
            public_training_code=None,
            public_training_data=None,
            framework=["PyTorch"],
            similarity_fn_name=ScoringFunction.COSINE,
            use_instructions=False,
            training_datasets=None,
            adapted_from=encoder.base.hub_id,
        )

    def encode(
        self,
        inputs: DataLoader[BatchedInput],
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        prompt_type: PromptType | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> np.ndarray:
        """Vectors `[n, dim]` of the sentences, which all are in the language of the subset.

        Args:
            inputs: batches with `text`.
            task_metadata: of the task, for its languages and type.
            hf_split: not used.
            hf_subset: the subset, or the column of a parallel bitext task.
            prompt_type: not used: language modules have one prompt.
            kwargs: `batch_size` and `show_progress_bar`.

        Raises:
            AdaptersHubError: the language is not loaded, or MTEB does not tell which it is.
        """
        language = self.language_of(task_metadata, hf_subset)
        align = self.align
        if align is None:
            align = task_metadata.type == "BitextMining" and bool(self.model.alignments[language])
        sentences = [text for batch in inputs for text in batch["text"]]
        vectors: np.ndarray = self.model.encode(
            sentences,
            language,
            align=align,
            batch_size=self.batch_size or int(kwargs.get("batch_size", 32)),
            empty=self.empty,
            show_progress=bool(kwargs.get("show_progress_bar", False)),
        )
        return vectors if self.empty == "error" else np.nan_to_num(vectors, copy=False, nan=0.0)

    def language_of(self, task_metadata: TaskMetadata, hf_subset: str) -> str:
        """The loaded language that the sentences of a subset are in.

        Raises:
            AdaptersHubError: see `encode`.
        """
        named = task_metadata.hf_subsets_to_langscripts.get(hf_subset)
        codes = list(dict.fromkeys(named or [hf_subset]))
        if not all(same_language(code.partition("-")[0], codes[0].partition("-")[0]) for code in codes):
            raise AdaptersHubError(
                f"MTEB does not say which sentences of {task_metadata.name} ({hf_subset}) are in which language "
                f"({', '.join(codes)}), and each has a module of its own: evaluate it with python -m eval run"
            )
        matches = [code for code in self.model.languages if any(same_language(code, other) for other in codes)]
        exact = [code for code in matches if code.replace("_", "-") in codes] or matches
        if len(exact) != 1:
            found = f"fits {' and '.join(exact)}: remove all but one" if exact else "is not loaded: add its module"
            raise AdaptersHubError(
                f"language {' and '.join(codes)} of {task_metadata.name} ({hf_subset}) {found} "
                f"(loaded: {', '.join(self.model.languages) or 'none'})"
            )
        return str(exact[0])


def _langscript(code: str) -> str:
    """`kaz` or `kaz_Cyrl` as MTEB writes it: `kaz-Cyrl`."""
    return f"{code.partition('_')[0]}-{usual_script(code)}"
