"""A `ModularEncoder` as the first module of a SentenceTransformer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from adapters_hub.bridges.modular_folder import copy_modular, load_encoder, read_facts
from adapters_hub.encoder.alignment import Align
from adapters_hub.encoder.precision import Precision, resolve_precision
from adapters_hub.errors import AdaptersHubError, InputTextError, ModuleFormatError
from adapters_hub.format import ROLES
from adapters_hub.requirements import needed_for
from adapters_hub.texts import Empty, read_texts

with needed_for("a composed SentenceTransformer"):
    from sentence_transformers.base.modules import InputModule

_MODEL_KWARGS = ("base", "dtype", "torch_dtype")
_OTHER_KWARGS = ("processor_kwargs", "tokenizer_kwargs", "config_kwargs")


class ModularInput(InputModule):
    """Encodes sentences with a `ModularEncoder` whose modules lie in the SentenceTransformer's folder.

    It is for inference: gradients that reach it raise an error. Layers after it can be trained once it is frozen by
    `requires_grad_(False)`. `encode` of sentence-transformers takes `language=` (ISO 639-3, one for all sentences of
    the call, or `auto` to detect that of each), `align=` and `empty=` (see `ModularEncoder.encode`). Each language puts
    its own prompt before the sentences; in `encode_query` and `encode_document`, the one for queries or documents.
    Vectors `[n, dim]` have unit length and the precision of the computation.

    Attributes:
        encoder: the encoder.
        default_language: language of calls that name none.
        default_align: alignment of calls that do not set it.

    Args:
        folder: the folder with `modular_encoder.json`.
        base: source to load the base encoder from, instead of the recorded one; its fingerprint must be the same.
        device: device to compute on.
        dtype: precision to compute in; as for `ModularEncoder`.
        max_length: maximum number of tokens of a sentence; None: the value in the folder or, without one, that of each
            language.

    Raises:
        ModuleFormatError: the folder is not what `export_composed` wrote.
        BaseEncoderError: the base cannot be found.
        AdaptersHubError: the base has another fingerprint, or `dtype` or `max_length` is not valid.
    """

    forward_kwargs = {"language", "align", "empty"}  # noqa: RUF012  # declared so by sentence-transformers
    save_in_root = True

    def __init__(
        self,
        folder: str | Path,
        base: str | None = None,
        device: str | torch.device = "cpu",
        dtype: Precision = torch.float32,
        max_length: int | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = Path(folder)
        self._base_source = base
        self.facts = read_facts(self.folder)
        self.encoder = load_encoder(self.folder, self.facts, base, device, resolve_precision(dtype, device))
        self.default_language: str = self.facts["default_language"]
        self.default_align: Align = self.facts["align"]
        if self.default_language not in self.encoder.languages:
            raise ModuleFormatError(
                f"{self.folder}: the default language {self.default_language!r} has no module in it"
            )
        self._max_length: int | None = None
        if (length := max_length or self.facts.get("max_length")) is not None:
            self.max_seq_length = length
        # It tells sentence-transformers the device and precision, and tells this module when they change.
        self._place = nn.Parameter(torch.empty(0, device=self.encoder.device, dtype=self.encoder.dtype))

    @property
    def tokenizer(self) -> Any:  # type: ignore[override]  # noqa: ANN401
        """The tokenizer of the default language."""
        return self.encoder.tokenizer(self.default_language)

    @property
    def max_seq_length(self) -> int:
        """Maximum number of tokens of a sentence: the value set for all languages, else that of the default language.

        Setting it to None restores each language's own value.
        """
        return self._max_length or self.encoder.max_length(self.default_language)

    @max_seq_length.setter
    def max_seq_length(self, length: int | None) -> None:
        most = self.encoder.base.max_positions
        if length is not None and (type(length) is not int or not 1 <= length <= most):
            raise AdaptersHubError(f"expected max_seq_length between 1 and {most}, or None, found {length!r}")
        self._max_length = length

    def get_embedding_dimension(self) -> int:
        """Length of the vectors."""
        return self.encoder.dimension

    def preprocess(
        self,
        inputs: Sequence[Any],
        prompt: str | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Pass on sentences as they are: each language has its own tokenizer.

        Raises:
            InputTextError: a prompt is given that is not the name of one.
        """
        if prompt and prompt not in ROLES:
            raise InputTextError(
                f"each language module has its own prompts, found another one, {prompt!r}: leave prompt out, or choose "
                "prompt_name 'query' or 'document'"
            )
        # A placeholder of width 0: sentence-transformers' trainer recognises the columns of its data by this name.
        return {
            "sentences": list(inputs),
            "prompt_name": prompt or None,
            "sentence_embedding": torch.empty(len(inputs), 0),
        }

    def forward(
        self,
        features: dict[str, Any],
        language: str | None = None,
        align: Align | None = None,
        empty: Empty = "error",
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Set `sentence_embedding` `[batch, dim]`; without `language` or `align`, the folder's defaults hold.

        Raises:
            InputTextError: as for `ModularEncoder.encode`; or several languages are given, which sentence-transformers
                cannot pass on because it sorts the sentences by length.
        """
        if not (language is None or isinstance(language, str)):
            raise InputTextError(
                f"expected one language for all sentences of a call, found {type(language).__name__}: "
                "call encode once per language, or use ModularEncoder"
            )
        try:
            read_texts(features["sentences"], empty)
        except InputTextError as error:
            if len(features["sentences"]) < 2:
                raise
            raise InputTextError(
                f"{error} (numbered within a batch, which sentence-transformers sorts by length, the longest first)"
            ) from None
        vectors = self.encoder.encode(
            features["sentences"],
            language or self.default_language,
            align=self.default_align if align is None else align,
            prompt_name=features.get("prompt_name"),
            batch_size=max(len(features["sentences"]), 1),
            max_length=self._max_length,
            empty=empty,
            convert_to="tensor",
        )
        features["sentence_embedding"] = _NoGradients.apply(vectors.to(self._place.dtype), self._place)  # type: ignore[no-untyped-call]
        return features

    def get_config_dict(self) -> dict[str, Any]:
        """What the vectors of a call that sets neither language nor alignment depend on."""
        vectors = self.encoder.fingerprints(self.default_language, align=self.default_align)
        return {"vectors": vectors, "precision": str(self.encoder.dtype)}

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:  # noqa: ANN401
        """Copy the modules and their record, and the base if it lies in the folder."""
        facts = {name: value for name, value in self.facts.items() if name != "max_length"}
        if self._max_length is not None:
            facts["max_length"] = self._max_length
        copy_modular(self.folder, Path(output_path), facts)

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        token: bool | str | None = None,
        cache_folder: str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Self:
        """Load it as `SentenceTransformer(…, trust_remote_code=True)` does, with the arguments of that.

        `model_kwargs={"base": …}` loads the base encoder from another place, `{"dtype": …}` computes in another
        precision (see `ModularEncoder`). Settings of a transformer or tokenizer are refused.

        Raises:
            AdaptersHubError: settings are given that have no effect here; or as for the class.
        """
        given = {name: value for name, value in (model_kwargs or {}).items() if value is not None}
        unknown = sorted(set(given) - set(_MODEL_KWARGS)) + [name for name in _OTHER_KWARGS if kwargs.get(name)]
        if unknown:
            raise AdaptersHubError(
                f"a composed SentenceTransformer takes base and dtype in model_kwargs and no settings of a transformer "
                f"or tokenizer, found {', '.join(unknown)}: leave them out"
            )
        folder = cls.load_dir_path(
            model_name_or_path,
            subfolder=subfolder,
            token=token,
            cache_folder=cache_folder,
            revision=revision,
            local_files_only=local_files_only,
        )
        dtype = given.get("dtype", given.get("torch_dtype", torch.float32))
        return cls(folder or model_name_or_path, given.get("base"), dtype=dtype)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Load the encoder again when sentence-transformers moves the model to another device or precision."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        place = self._place
        if (place.device, place.dtype) != (self.encoder.device, self.encoder.dtype):
            is_exact = self.encoder.dtype == torch.float32  # otherwise its weights are rounded: read them again
            with self.encoder.untouched_base() as own:
                base = own if is_exact else self._base_source
                self.encoder = load_encoder(self.folder, self.facts, base, place.device, place.dtype)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Locks cannot be pickled, so the processes of a pool read the folder again.
        place = self._place
        arguments = (self.folder, self._base_source, place.device, place.dtype, self._max_length)
        return type(self), arguments, {"frozen": not place.requires_grad}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.requires_grad_(not state["frozen"])


class _NoGradients(torch.autograd.Function):
    """Return vectors unchanged; computing their gradients raises a one-line error."""

    @staticmethod
    def forward(ctx: Any, vectors: torch.Tensor, place: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        return vectors.view_as(vectors)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:  # noqa: ANN401
        raise AdaptersHubError(
            "a composed SentenceTransformer is for inference, its modules are trained by the stages of trainer/: "
            "freeze it (model[0].requires_grad_(False)) to train layers on its vectors, or train an export of one "
            "language (--format sentence-transformers)"
        )
