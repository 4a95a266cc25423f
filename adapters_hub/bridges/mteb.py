"""A `ModularEncoder` as a model for MTEB, which encodes each subset of a task with the module of its language."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch

from adapters_hub.bridges.side_language import language_among
from adapters_hub.cards import CITATION, PAPER, common_license
from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.errors import AdaptersHubError
from adapters_hub.languages import same_language, usual_script
from adapters_hub.requirements import needed_for
from adapters_hub.texts import Empty

with needed_for("an evaluation by MTEB"):
    from mteb.models import ModelMeta
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_implementations import MODEL_REGISTRY
    from mteb.models.model_meta import ScoringFunction
    from mteb.types import Licenses

if TYPE_CHECKING:
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.types import BatchedInput, PromptType
    from torch.utils.data import DataLoader


class MTEBEncoder(AbsEncoder):
    """A model for `mteb.evaluate`, which `mteb.get_model` returns once it is registered.

    The language of a subset comes from the task's metadata; in a parallel bitext task MTEB names the column. In a
    subset of two languages, the language of each side is detected from its text. If it cannot be detected, the task
    is refused.

    Args:
        encoder: an encoder with a module for every language that is evaluated.
        align: as for `ModularEncoder.encode`; None: on for bitext mining and for subsets of two languages if the
            language has an alignment adapter, off for tasks within one language.
        batch_size: sentences per pass; None: the size that MTEB asks for.
        empty: what to do about empty texts, also when MTEB has loaded the registered encoder: `error` raises an error
            with their numbers, `missing` gives them vectors of zeros, which are similar to nothing. `ModularEncoder`
            would give them NaN, which MTEB's classifiers and searches do not accept.
        name: `organisation/model`, under which results are stored.

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
        self._loaded_as: ModelMeta | None = None

    def register(self) -> ModelMeta:
        """Make `mteb.get_model(name)` give this encoder in this process; `align`, `batch_size` and `empty` are options.

        Returns:
            The entry in MTEB's registry.

        Raises:
            AdaptersHubError: MTEB has a model of this name from another library.
        """
        there = MODEL_REGISTRY.get(self.name)
        if there is not None and getattr(there.loader, "__module__", None) != __name__:
            raise AdaptersHubError(f"MTEB knows another model {self.name!r}: choose a name of your own, org/model")
        MODEL_REGISTRY[self.name] = self._meta(self._loader())
        return MODEL_REGISTRY[self.name]

    def _loader(self) -> Callable[..., MTEBEncoder]:
        """The loader that MTEB calls. It is a function so that the encoder is not copied when MTEB copies the entry."""

        def load_modular_encoder(
            name: str,
            revision: str | None = None,
            device: str | None = None,
            *,
            align: Align | None = self.align,
            batch_size: int | None = self.batch_size,
            empty: Empty = self.empty,
            embed_dim: int | None = None,
        ) -> MTEBEncoder:
            here = self.model.device
            if device is not None and torch.device(device).type != here.type:
                raise AdaptersHubError(f"{name} computes on {here}, not on {device}: register one that computes there")
            return MTEBEncoder(self.model, align, batch_size=batch_size, empty=empty, name=name)

        return load_modular_encoder

    @property
    def mteb_model_meta(self) -> ModelMeta:  # type: ignore[override]
        """MTEB's record of the model; its revision changes with everything that the vectors depend on."""
        loaded = self._loaded_as
        if loaded is None:
            return self._meta(None)
        options = {"experiment_kwargs": loaded.experiment_kwargs, "loader_kwargs": loaded.loader_kwargs}
        return self._meta(loaded.loader).model_copy(update=options)

    @mteb_model_meta.setter
    def mteb_model_meta(self, meta: ModelMeta) -> None:
        self._loaded_as = meta  # MTEB sets it after loading

    def _meta(self, loader: Callable[..., Any] | None) -> ModelMeta:
        encoder = self.model
        parts = [repr(self.align), str(encoder.dtype), encoder.base.fingerprint]
        for code, objectives in sorted(encoder.alignments.items()):
            parts += encoder.fingerprints(code)
            parts += [encoder.manifest(code, objective).fingerprint for objective in sorted(objectives)]
        modules = [encoder.manifest(code) for code in encoder.languages]
        numbers = {name: tensor.numel() for name, tensor in encoder.base.backbone.named_parameters()}
        embeddings = f"{encoder.base.architecture.token_embeddings}.weight"
        numbers[embeddings] = encoder.base.own_embeddings.numel()  # not those of the active language
        adapters = [encoder.manifest(code, name) for code, names in encoder.alignments.items() for name in names]
        license = common_license([*modules, *adapters]) if modules else None
        known = license if license in get_args(Licenses) else None
        return ModelMeta(
            loader=loader,
            name=self.name,
            revision=hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40],
            release_date=None,
            languages=[_langscript(code) for code in encoder.languages],
            n_parameters=sum(numbers.values()),
            n_embedding_parameters=numbers[embeddings],
            memory_usage_mb=round(sum(numbers.values()) * encoder.dtype.itemsize / 2**20),
            max_tokens=max((module.max_length for module in modules), default=None),
            embed_dim=encoder.dimension,
            license=known,
            open_weights=True if known else None,
            public_training_code=None,
            public_training_data=None,
            framework=["PyTorch", "Transformers", "safetensors"],
            similarity_fn_name=ScoringFunction.COSINE,
            use_instructions=any(module.prompt for module in modules),
            training_datasets=None,
            adapted_from=encoder.base.hub_id,
            reference=PAPER,
            citation=CITATION,
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
        """Vectors `[n, dim]` of the sentences of a subset, or of one side of it.

        The arguments are those of MTEB's protocol; in a parallel bitext task, `hf_subset` is the column. Queries and
        documents have prompts of their own, and may be in different languages.

        Raises:
            AdaptersHubError: the language is not loaded, or cannot be detected.
        """
        sentences = [text for batch in inputs for text in batch["text"]]
        language = self.language_of(task_metadata, hf_subset, sentences, prompt_type)
        align = self.align
        if align is None:
            across = task_metadata.type == "BitextMining" or _has_several(_named(task_metadata, hf_subset))
            align = across and bool(self.model.alignments[language])
        vectors: np.ndarray = self.model.encode(
            sentences,
            language,
            align=align,
            prompt_name=getattr(prompt_type, "value", prompt_type),
            batch_size=self.batch_size or int(kwargs.get("batch_size", 32)),
            empty=self.empty,
            show_progress=bool(kwargs.get("show_progress_bar", False)),
        )
        return vectors if self.empty == "error" else np.nan_to_num(vectors, copy=False, nan=0.0)

    def language_of(
        self,
        task_metadata: TaskMetadata,
        hf_subset: str,
        sentences: Sequence[str] = (),
        prompt_type: PromptType | None = None,
    ) -> str:
        """The loaded language that sentences of a subset are in; if it has two languages, they are of one side of it.

        Raises:
            AdaptersHubError: see `encode`.
        """
        codes = _named(task_metadata, hf_subset)
        if _has_several(codes):
            own = language_among(sentences, codes)
            if own is None:
                side = f"{prompt_type} side" if prompt_type else "side"
                raise AdaptersHubError(
                    f"cannot tell in which language ({', '.join(codes)}) a {side} of {task_metadata.name} "
                    f"({hf_subset}) is, and each has a module of its own: evaluate it with python -m eval run"
                )
            codes = [own]
        matches = [code for code in self.model.languages if any(same_language(code, other) for other in codes)]
        exact = [code for code in matches if code.replace("_", "-") in codes] or matches
        if len(exact) != 1:
            found = f"fits {' and '.join(exact)}: remove all but one" if exact else "is not loaded: add its module"
            raise AdaptersHubError(
                f"language {' and '.join(codes)} of {task_metadata.name} ({hf_subset}) {found} "
                f"(loaded: {', '.join(self.model.languages) or 'none'})"
            )
        return str(exact[0])


def _named(task_metadata: TaskMetadata, hf_subset: str) -> list[str]:
    """Codes of the languages of a subset."""
    return list(dict.fromkeys(task_metadata.hf_subsets_to_langscripts.get(hf_subset) or [hf_subset]))


def _has_several(codes: Sequence[str]) -> bool:
    """Whether the codes name several languages, and not one language in several scripts."""
    first, *others = [code.partition("-")[0] for code in codes]
    return not all(same_language(first, other) for other in others)


def _langscript(code: str) -> str:
    """`kaz` or `kaz_Cyrl` as MTEB writes it: `kaz-Cyrl`."""
    return f"{code.partition('_')[0]}-{usual_script(code)}"
