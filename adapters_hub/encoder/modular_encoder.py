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
from adapters_hub.encoder.alignment import Align
from adapters_hub.encoder.encoded import Encoded
from adapters_hub.encoder.engine import Engine
from adapters_hub.encoder.extract import Extract
from adapters_hub.encoder.options import EncodeOptions
from adapters_hub.encoder.precision import Precision
from adapters_hub.encoder.recipe import Recipe, base_of
from adapters_hub.encoder.similarity import cosine_similarities
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import ROLES, AlignmentManifest, LanguageModuleManifest, PromptName
from adapters_hub.hub import Hub, Pushed
from adapters_hub.modules import AlignmentAdapter, LanguageModule, load_module
from adapters_hub.texts import Empty, read_texts


class ModularEncoder:
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
    ) -> None:
        loaded = [load_module(source, hub=hub) for source in modules]
        if base is None:
            base = base_of(loaded)
        if not isinstance(base, BaseEncoder):
            base = load_base(base)
        self._compose(base, loaded, hub, device=device, dtype=dtype, max_loaded_modules=max_loaded_modules)

    def _compose(
        self,
        base: BaseEncoder,
        modules: Iterable[LanguageModule | AlignmentAdapter],
        hub: Hub | str | os.PathLike[str] | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        self.base, self._hub = base, hub
        self._engine = Engine(base, **options)
        for module in sorted(modules, key=lambda module: isinstance(module, AlignmentAdapter)):
            self.add_module(module)

    def __getstate__(self) -> Recipe:
        """The recipe of this encoder, from which copies and other processes load it again."""
        return self._engine.recipe(self._hub)

    def __setstate__(self, state: Recipe) -> None:
        self._compose(state.load_base(), state.load_modules(), **state.options)

    @property
    def languages(self) -> list[str]:
        """The languages that are loaded."""
        with self._engine.lock:
            return list(self._engine.languages)

    @property
    def alignments(self) -> dict[str, list[str]]:
        """The objectives of the alignment adapters that are loaded, per language."""
        with self._engine.lock:
            return self._engine.languages.alignments()

    @property
    def in_memory(self) -> list[str]:
        """The languages in memory, most recently used last (see `max_loaded_modules`)."""
        with self._engine.lock:
            return self._engine.languages.in_memory

    @property
    def dimension(self) -> int:
        """Length of the sentence vectors."""
        return self.base.dimension

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the computation."""
        return self._engine.composition.dtype

    @property
    def device(self) -> torch.device:
        """Device of the computation."""
        return self._engine.composition.device

    def add_module(
        self,
        module: str | os.PathLike[str] | LanguageModule | AlignmentAdapter,
        *,
        verify: bool = True,
        replace: bool = False,
    ) -> LanguageModule | AlignmentAdapter:
        """Load a language module or an alignment adapter into the running encoder.

        If the module is refused, the encoder stays as it was.

        Args:
            module: a folder, `org/name[@revision]`, or a module that is loaded already.
            verify: compare every file's SHA-256 with the manifest.
            replace: replace the present module of the same language, or the present adapter of the same language and
                objective, if there is one; adapters that were trained with a replaced module are removed.

        Raises:
            CompositionError: the module was added already, or does not belong to this base, module or pivot.
            ModuleFormatError: the folder does not hold a valid module.
        """
        if isinstance(module, str | os.PathLike):
            module = load_module(module, hub=self._hub, verify=verify, base=self.base)
        module.check_base(self.base)
        with self._engine.lock:
            if isinstance(module, LanguageModule):
                self._engine.languages.add(module, replace=replace)
            else:
                self._engine.languages.add_adapter(module, replace=replace)
        return module

    def remove_module(self, language: str, objective: str | None = None) -> None:
        """Remove a language with its alignment adapters, or only its adapter of one objective.

        Raises:
            CompositionError: the language or the adapter is not loaded.
        """
        with self._engine.lock:
            self._engine.languages.remove(language, objective)

    def module(self, language: str, objective: str | None = None) -> LanguageModule | AlignmentAdapter:
        """A module that was added, without its tokenizer and tensors.

        Args:
            language: ISO 639-3.
            objective: objective of the alignment adapter; None for the language module.

        Raises:
            CompositionError: the module is not loaded.
        """
        with self._engine.lock:
            languages = self._engine.languages
            return languages.module(language) if objective is None else languages.adapter(language, objective)

    @overload
    def manifest(self, language: str, objective: None = ...) -> LanguageModuleManifest: ...

    @overload
    def manifest(self, language: str, objective: str) -> AlignmentManifest: ...

    def manifest(self, language: str, objective: str | None = None) -> LanguageModuleManifest | AlignmentManifest:
        """The manifest of a module, with its training data, settings and scores; see `module`."""
        return self.module(language, objective).manifest

    def push_module(self, language: str, repo: str, *, objective: str | None = None, **options: Any) -> Pushed:  # noqa: ANN401
        """Publish the module of a language, or its alignment adapter of one objective.

        Args:
            language: ISO 639-3.
            repo: `org/name`.
            objective: objective of the alignment adapter; None for the language module.
            options: further arguments of `LanguageModule.push_to_hub`.

        Raises:
            CompositionError: the module is not loaded, or its folder holds another module by now.
            HubError: the hub cannot be reached or denies access.
        """
        return self.module(language, objective).push_to_hub(repo, **({"hub": self._hub} | options))

    @overload
    def encode(
        self,
        sentences: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        *,
        details: Literal[False] = ...,
        convert_to: Literal["numpy"] = ...,
        **options: Unpack[EncodeOptions],
    ) -> np.ndarray: ...

    @overload
    def encode(
        self,
        sentences: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        *,
        details: Literal[False] = ...,
        convert_to: Literal["tensor"],
        **options: Unpack[EncodeOptions],
    ) -> torch.Tensor: ...

    @overload
    def encode(
        self,
        sentences: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        *,
        details: Literal[True],
        convert_to: Literal["numpy", "tensor"] = ...,
        **options: Unpack[EncodeOptions],
    ) -> Encoded: ...

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
            language: the language of all sentences, or one per sentence. None stands for the untouched base.
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
            InputTextError: a sentence is not text or is empty, or a language or adapter is not loaded.
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
        return cosine_similarities(a, b)

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
