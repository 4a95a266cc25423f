"""The modular encoder: one base encoder in memory, and any number of language modules on it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Unpack, overload

import numpy as np
import torch
from torch.nn.functional import normalize as unit_length
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import BaseEncoder, load_base
from adapters_hub.detection import AutoLanguage, Detected, detect
from adapters_hub.encoder.alignment import Align
from adapters_hub.encoder.extract import Extract
from adapters_hub.encoder.loaded_modules import LoadedModules
from adapters_hub.encoder.options import Encoded, ForArray, ForDetails, ForTensor, LanguageChoice, Sentences
from adapters_hub.encoder.precision import Precision
from adapters_hub.encoder.recipe import base_of
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import ROLES, PromptName
from adapters_hub.hub import Hub
from adapters_hub.modules import load_module
from adapters_hub.texts import Empty, read_texts


class ModularEncoder(LoadedModules):
    """Encodes sentences with one frozen base and language modules that never affect each other.

    The vectors of a language are the same, bit for bit, whatever other modules are loaded, whatever was encoded before
    and in whatever order the sentences come. All methods may be called from several threads, and in forked processes.
    A pickle or copy holds only the names of the base and the modules and loads them again, so an encoder can be passed
    to `Dataset.map(num_proc=…)`, to DataLoader workers and to spawned processes.

    Args:
        base: a `BaseEncoder`, or what `load_base` takes; by default the base named by the first module. A given
            `BaseEncoder` belongs to this encoder from then on.
        modules: language modules and alignment adapters, in any order: folders, or `org/name[@revision]` of a hub.
        hub: a folder that acts as a hub; by default `$MSE_HUB`, or else the Hugging Face Hub.
        device: where to compute; by default a GPU if there is one.
        dtype: precision to compute in: a torch dtype or its name. float32 is exact; bfloat16 is about twice as fast on
            hardware that supports it, and changes vectors by a few thousandths; `auto` uses bfloat16 on such hardware,
            else float32.
        max_loaded_modules: largest number of language modules in memory; None for no limit. The least recently used one
            is unloaded, and loaded from its folder again when it is needed. If the folder holds another module by then,
            it is refused.
        auto: how `language="auto"` treats sentences whose language is uncertain, see `AutoLanguage`.

    Example:
        >>> folders = ["out/quickstart/eng", "out/quickstart/deu", "out/quickstart/deu-eng-both"]
        >>> encoder = ModularEncoder(modules=folders)
        >>> vectors = encoder.encode(["Good morning!", "Guten Morgen!"], language=["eng", "deu"], align=True)
        >>> encoder.similarity(vectors[0], vectors[1])
    """

    def __init__(
        self,
        base: BaseEncoder | str | os.PathLike[str] | None = None,
        modules: Iterable[str | os.PathLike[str]] = (),
        *,
        hub: Hub | str | os.PathLike[str] | None = None,
        device: str | torch.device | None = None,
        dtype: Precision = torch.float32,
        max_loaded_modules: int | None = None,
        auto: AutoLanguage = AutoLanguage(),  # noqa: B008  # it is frozen
    ) -> None:
        loaded = [load_module(source, hub=hub) for source in modules]
        if base is None:
            base = base_of(loaded)
        if not isinstance(base, BaseEncoder):
            base = load_base(base)
        options = {"device": device, "dtype": dtype, "max_loaded_modules": max_loaded_modules, "auto": auto}
        self._compose(base, loaded, hub, **options)

    @property
    def dimension(self) -> int:
        """Length of the sentence vectors."""
        return self.base.dimension

    @property
    def auto(self) -> AutoLanguage:
        """How `language="auto"` treats sentences whose language is uncertain."""
        return self._engine.auto

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the computation."""
        return self._engine.composition.dtype

    @property
    def device(self) -> torch.device:
        """Device of the computation."""
        return self._engine.composition.device

    @overload
    def encode(self, sentences: Sentences, language: LanguageChoice, **options: Unpack[ForArray]) -> np.ndarray: ...

    @overload
    def encode(self, sentences: Sentences, language: LanguageChoice, **options: Unpack[ForTensor]) -> torch.Tensor: ...

    @overload
    def encode(self, sentences: Sentences, language: LanguageChoice, **options: Unpack[ForDetails]) -> Encoded: ...

    def encode(
        self,
        sentences: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        *,
        align: Align = False,
        prompt_name: PromptName | None = None,
        batch_size: int | None = None,
        normalize: bool = True,
        truncate_dim: int | None = None,
        max_length: int | None = None,
        base_language: str | None = None,
        empty: Empty = "error",
        details: bool = False,
        convert_to: Literal["numpy", "tensor"] = "numpy",
        show_progress: bool = False,
    ) -> np.ndarray | torch.Tensor | Encoded:
        """Encode sentences into vectors.

        Args:
            sentences: one sentence or many: a list, an array, a column of a table. Sentences with more than the
                module's `max_length` tokens are cut. A warning is logged for these, and for letters and signs that the
                vocabulary does not have.
            language: the language of all sentences, or one per sentence. None stands for the untouched base, `auto` for
                the loaded language that is detected, see `detect`; the log counts what was detected.
            align: False for comparisons within a language. True switches the alignment adapter of every language on,
                for cross-lingual comparisons. A mapping chooses per language: `{"deu": "both"}`,
                `{"deu": ["paraphrase", "parallel"]}` (averaged), `{"kaz": {"paraphrase": 0.7, "parallel": 0.3}}`.
            prompt_name: `query` or `document` puts the prompt of queries or documents before the sentences, for search;
                see `encode_query`. None is for comparisons of sentences with each other.
            batch_size: largest number of sentences per pass; by default as many as suit the device. Sentences are
                sorted by length first.
            normalize: scale the vectors to unit length.
            truncate_dim: keep only this many dimensions (before scaling to unit length).
            max_length: number of tokens after which a sentence is cut, up to the base's positions; by default the
                module's `max_length`, or the base's.
            base_language: language (ISO 639-3) of the sentences that the untouched base encodes; English by default. It
                matters only for bases whose tokenizer marks every sentence with its language (NLLB, SONAR).
            empty: what to do with sentences that are empty or missing (white space, None, NaN): `error` raises an
                error that gives their numbers, `missing` gives them vectors of NaN.
            details: also return which parts of each sentence its vector does not represent.
            convert_to: `numpy` or `tensor`.
            show_progress: show a progress bar.

        Returns:
            `[n, dim]` in the order of the sentences, float32; `[dim]` for a single string. With `details`, an `Encoded`
            that holds these vectors.

        Raises:
            InputTextError: a sentence is not text or is empty, or a language or adapter is not loaded or, if `auto` of
                the encoder asks for it, not detected with confidence.
            AdaptersHubError: a number is out of range, or the base has tags and `base_language` is not an ISO code.
            CompositionError: the folder of a language that was unloaded holds another module by now.
        """
        texts = read_texts(sentences, empty)
        if batch_size is not None and batch_size < 1:
            raise AdaptersHubError(f"batch_size must be at least 1, not {batch_size}")
        if truncate_dim is not None and not 1 <= truncate_dim <= self.dimension:
            raise AdaptersHubError(f"expected truncate_dim between 1 and {self.dimension}, found {truncate_dim}")
        if max_length is not None and not 1 <= max_length <= self.base.max_positions:
            raise AdaptersHubError(f"expected max_length between 1 and {self.base.max_positions}, found {max_length}")
        if prompt_name not in (None, *ROLES):
            raise AdaptersHubError(f"prompt_name must be 'query', 'document' or None, not {prompt_name!r}")
        if convert_to not in ("numpy", "tensor"):
            raise AdaptersHubError(f"convert_to must be 'numpy' or 'tensor', not {convert_to!r}")
        vectors, tokens = self._engine.encode(
            texts, language, align, prompt_name, batch_size, max_length, base_language, show_progress
        )
        if truncate_dim is not None:
            vectors = vectors[:, :truncate_dim]
        if normalize:
            vectors = unit_length(vectors, dim=-1)
        if len(texts.places) < texts.count:
            present, vectors = vectors, vectors.new_full((texts.count, vectors.shape[1]), torch.nan)
            vectors[texts.places] = present
        if isinstance(sentences, str):
            vectors = vectors[0]
        result = vectors.cpu().numpy() if convert_to == "numpy" else vectors
        return Encoded.of(result, texts, tokens) if details else result

    def encode_query(
        self,
        sentences: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Encode search queries, with the prompt that the encoder has for these.

        The arguments, the vectors and the errors are those of `encode`. Encode the texts to be found with
        `encode_document`, and switch alignment on if they are in another language.
        """
        return self.encode(sentences, language, prompt_name="query", **options)

    def encode_document(
        self,
        sentences: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Encode texts that `encode_query` is to find, with the prompt that the encoder has for these; see there."""
        return self.encode(sentences, language, prompt_name="document", **options)

    def detect(self, sentences: str | Iterable[str]) -> list[Detected]:
        """Detect which of the loaded languages sentences are in, as `encode` does with the language `auto`.

        A sentence that is in none of them, or too short to tell, has a low confidence. A loaded language that the
        detector does not know gets the sentences in its script that are in none of the other loaded languages.

        Args:
            sentences: one sentence or many; one that is empty or missing has no language, with confidence 0.

        Returns:
            The likeliest loaded language of each sentence, and its confidence.

        Raises:
            InputTextError: a sentence is not text.
        """
        texts = read_texts(sentences, "missing")
        found = dict(zip(texts.places, detect(texts.present, self.languages), strict=True))
        return [found.get(number, Detected(None, 0.0)) for number in range(texts.count)]

    @staticmethod
    def similarity(a: np.ndarray | torch.Tensor, b: np.ndarray | torch.Tensor) -> np.ndarray:
        """Cosine similarities.

        Args:
            a: `[n, dim]` or `[dim]`.
            b: `[m, dim]` or `[dim]`.

        Returns:
            `[n, m]`; a single vector `[dim]` has no axis in the result.

        Raises:
            AdaptersHubError: the vectors have different dimensions.
        """
        left, right = _in_float32(a), _in_float32(b)
        if left.shape[-1] != right.shape[-1]:
            raise AdaptersHubError(f"vectors of {left.shape[-1]} and {right.shape[-1]} dimensions are not comparable")
        return (unit_length(left, dim=-1) @ unit_length(right, dim=-1).transpose(0, -1)).numpy()

    def fingerprints(
        self, language: str | None, *, align: Align = False, base_language: str | None = None
    ) -> tuple[str, ...]:
        """Fingerprints of all that the vectors of a language depend on, except the precision.

        These are the fingerprints of the language module and of the alignment adapters in use; an adapter with a weight
        other than 1 has the weight before its fingerprint. If the module uses the base's vocabulary but its manifest,
        of an early version, does not record which, the fingerprint of this vocabulary follows that of the module. The
        untouched base (`language` None) has a single fingerprint, which covers its embeddings, its tokenizer (with the
        tag of `base_language`, see `encode`), its prompt, its pooling and its maximum length too.

        Args:
            language: ISO 639-3; None for the base.
            align: see `encode`.
            base_language: see `encode`.

        Raises:
            CompositionError: the language is not loaded.
            InputTextError: see `encode`.
        """
        return self._engine.fingerprints(language, align, base_language)

    def max_length(self, language: str | None) -> int:
        """Number of tokens after which a sentence is cut, including those of the prompt and the special tokens.

        Args:
            language: ISO 639-3; None for the base.

        Raises:
            CompositionError: the language is not loaded.
        """
        return self.base.max_length if language is None else self.manifest(language).max_length

    def tokenizer(self, language: str | None) -> PreTrainedTokenizerFast:
        """The tokenizer of a language, which is shared and must not be changed; see `max_length`."""
        with self._engine.lock:
            return self._engine.languages.get(language).tokenizer

    def extract(self, language: str, *, align: Align = False) -> Extract:
        """Copy one language out of this encoder, which stays as it is, as a transformer of its own.

        Args:
            language: ISO 639-3.
            align: see `encode`.

        Raises:
            CompositionError: the language is not loaded.
            InputTextError: an alignment adapter is not loaded, or the choice among several is ambiguous.
        """
        return Extract(self._engine, language, align)

    @contextmanager
    def untouched_base(self) -> Iterator[BaseEncoder]:
        """Hold the base with its own weights; other threads wait until the block ends."""
        with self._engine.lock:
            self._engine.composition.activate(None)
            yield self.base


def _in_float32(vectors: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Vectors as a float32 tensor on the CPU, whatever their strides, byte order and precision."""
    if isinstance(vectors, torch.Tensor):
        return vectors.detach().to("cpu", torch.float32)
    return torch.from_numpy(np.array(vectors, dtype=np.float32))  # a copy: PyTorch has no negative strides
