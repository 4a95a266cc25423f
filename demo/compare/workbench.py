"""The one encoder that all visitors share, and the modules that are loaded into it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from adapters_hub import AlignmentAdapter, BaseEncoder, LanguageModule, ModularEncoder, load_module
from adapters_hub.hub import fetch_module
from adapters_hub.vector_store import VectorStore
from demo.compare.catalog import Catalog
from demo.compare.entries import Entry, Picks
from demo.limits.errors import DemoError

Progress = Callable[[float, str], object]
"""Called with the share of the work that is done, from 0 to 1, and a text that says what is being done."""


def unseen(share: float, text: str) -> None:
    """The progress of work that nobody waits for."""


_KEPT_VECTORS = 32 << 20  # bytes, in all; beyond that all are dropped


@dataclass
class Loaded:
    """A module in the encoder: bytes of its weights, seconds that loading took, and its adapters by objective."""

    address: str
    size: int
    seconds: float
    adapters: dict[str, Loaded] = field(default_factory=dict)


class Piece(NamedTuple):
    """A token of a sentence: its text, whether the vocabulary has it, and whether the encoder reads it."""

    text: str
    known: bool
    counts: bool


class Workbench:
    """One encoder in memory, which computes every request with the modules that the visitor chose.

    Two visitors may choose different modules of one language. The modules of a request are therefore loaded and used
    under one lock, so that no request computes with another's modules.

    Args:
        catalog: the modules that may be loaded.
        kept_languages: see `Settings`.
        base: the base encoder to use instead of the catalog's.

    Attributes:
        encoder: the encoder.
        base_bytes: bytes of the base's weights in memory.
    """

    def __init__(self, catalog: Catalog, kept_languages: int = 24, base: BaseEncoder | None = None) -> None:
        self.catalog = catalog
        source = base or catalog.base
        if source is None:
            raise DemoError("no base encoder: name one with --base, or list at least one language module")
        # With float32 the numbers on the page are exact, and the same on every machine.
        self.encoder = ModularEncoder(
            source, hub=catalog.hub, dtype=torch.float32, max_loaded_modules=max(1, kept_languages)
        )
        self.base_bytes = sum(parameter.numel() * 4 for parameter in self.encoder.base.backbone.parameters())
        self._lock = threading.RLock()
        self._loaded: dict[str, Loaded] = {}
        self._vectors: dict[Hashable, VectorStore] = {}
        self._fetched: set[str] = set()

    @property
    def loaded(self) -> dict[str, Loaded]:
        """The language modules that are in memory now, by language."""
        with self._lock:
            present = self.encoder.alignments
            return {
                code: dataclasses.replace(
                    self._loaded[code],
                    adapters={name: it for name, it in self._loaded[code].adapters.items() if name in present[code]},
                )
                for code in present
            }

    def fetch(self, picks: Picks, progress: Progress = unseen) -> None:
        """Fetch the modules that are not on this machine yet, without holding the lock.

        Raises:
            HubError: the hub does not have a file, or does not answer.
        """
        wanted = [entry for entry in picks.entries if entry.address not in self._fetched]
        for number, entry in enumerate(wanted):
            progress(number / len(wanted), f"fetching {entry.repo}")
            fetch_module(entry.address, self.catalog.hub)
            self._fetched.add(entry.address)

    def compose(self, picks: Picks, progress: Progress = unseen) -> None:
        """Load modules into the running encoder.

        Raises:
            CompositionError: the modules do not belong to this base or to each other.
            ModuleFormatError: a module is damaged.
        """
        for number, (code, entry) in enumerate(picks.modules.items()):
            progress(number / len(picks.modules), f"composing {entry.repo}")
            with self._lock:
                self._ensure(picks, code, picks.objectives(code))

    def encode(
        self,
        texts: Sequence[str],
        language: str | None,
        picks: Picks,
        weights: Mapping[str, float] | None = None,
        base_language: str | None = None,
    ) -> np.ndarray:
        """Unit vectors of sentences in one language.

        Args:
            texts: sentences.
            language: ISO 639-3 code of a language with a module among the picks; None: the untouched base.
            picks: this visitor's modules.
            weights: weights of the alignment adapters by objective; empty: not aligned.
            base_language: the language of the sentences, for a base that marks sentences with their language.

        Returns:
            `[n, dim]`, float32.
        """
        weights = {name: float(weight) for name, weight in (weights or {}).items() if weight} if language else {}
        identity = _identity(language, picks, weights, base_language if language is None else None)
        with self._lock:
            store = self._vectors.get(identity) or VectorStore(identity)
            if missing := store.missing(texts):
                if language is not None:
                    self._ensure(picks, language, list(weights))
                align = {language: weights} if language is not None and weights else False
                store.add(missing, self.encoder.encode(missing, language, align=align, base_language=base_language))
                self._vectors[identity] = store
            vectors = store.vectors(texts)
            if sum(store.nbytes for store in self._vectors.values()) > _KEPT_VECTORS:
                self._vectors.clear()
        return vectors

    def cut(self, texts: Sequence[str], language: str | None, picks: Picks) -> tuple[int, list[int | None]]:
        """Where a module, or the base, truncates sentences.

        Returns:
            The number of tokens that it reads, prompt and special tokens included; and for each sentence the number of
            characters that these tokens cover, None if the sentence is not truncated.
        """
        with self._lock:
            if language is not None:
                self._ensure(picks, language, [])
            tokenizer = self.encoder.tokenizer(language)
            prompt = self.encoder.base.prompt if language is None else picks.modules[language].manifest.prompt  # type: ignore[union-attr]
            most = self.encoder.max_length(language)
            prompted = [prompt + text for text in texts]
            encoded = tokenizer(prompted, truncation=True, max_length=most, return_offsets_mapping=True)
        return most, [
            max(end for _, end in offsets) - len(prompt) if encoding.overflowing else None
            for offsets, encoding in zip(encoded["offset_mapping"], encoded.encodings or (), strict=True)
        ]

    def tokens(self, text: str, language: str | None, picks: Picks) -> list[Piece]:
        """The tokens of a sentence under the tokenizer of a language, or of the base."""
        with self._lock:
            # All under the lock, because each use first sets the tokenizer to truncate or not to truncate.
            kept = self.cut([text], language, picks)[1][0]
            tokenizer = self.encoder.tokenizer(language)
            encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        names = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        return [
            Piece(
                text[start:end] if end > start else name,
                known=identity != tokenizer.unk_token_id,
                counts=kept is None or start < kept,
            )
            for (start, end), name, identity in zip(encoded["offset_mapping"], names, encoded["input_ids"], strict=True)
        ]

    def _ensure(self, picks: Picks, language: str, objectives: Sequence[str]) -> None:
        """Load what a request needs; the caller holds the lock."""
        entry = picks.modules.get(language)
        if entry is None:
            raise DemoError(f"no module for {language!r} is chosen: choose one under Modules")
        here = self._loaded.get(language)
        if here is None or here.address != entry.address:
            here = self._loaded[language] = self._add(entry)
        for objective in objectives:
            wanted = picks.adapters.get(language, {}).get(objective)
            if wanted is None:
                have = ", ".join(picks.objectives(language)) or "none"
                raise DemoError(f"no alignment adapter {objective!r} for {language!r} is chosen (chosen: {have})")
            present = here.adapters.get(objective)
            # The encoder drops an adapter whose pivot is replaced.
            dropped = objective not in self.encoder.alignments[language]
            if present is None or present.address != wanted.address or dropped:
                here.adapters[objective] = self._add(wanted)

    def _add(self, entry: Entry) -> Loaded:
        """Load a module into the encoder, in place of another visitor's; a module that is refused replaces none."""
        start = time.perf_counter()
        module = load_module(entry.address, hub=self.catalog.hub, base=self.encoder.base)
        module.check_base(self.encoder.base)
        if isinstance(module, AlignmentAdapter):
            pivot = module.manifest.pivot
            if pivot in self._loaded and self.encoder.manifest(pivot).fingerprint != module.manifest.pivot_fingerprint:
                self._remove(pivot)  # another visitor's: it is loaded again when needed
        self.encoder.add_module(module, replace=True)
        # The encoder would load what it has unloaded from the same folder; here it is fetched again if it is gone.
        for code in set(self.encoder.languages) - set(self.encoder.in_memory):
            self._remove(code)
        return Loaded(entry.address, _bytes(module), time.perf_counter() - start)

    def _remove(self, language: str) -> None:
        self.encoder.remove_module(language)
        del self._loaded[language]


def _bytes(module: LanguageModule | AlignmentAdapter) -> int:
    """The bytes of a module's weights in memory; embeddings are computed in float32."""
    if isinstance(module, AlignmentAdapter):
        return sum(tensor.numel() * tensor.element_size() for tensor in module.bottlenecks.state_dict().values())
    embeddings = 0 if module.embeddings is None else module.embeddings.numel() * 4
    factors = (matrix for lora in module.loras.values() for pair in lora.factors.values() for matrix in pair)
    return embeddings + sum(matrix.numel() * matrix.element_size() for matrix in factors)


def _identity(
    language: str | None, picks: Picks, weights: Mapping[str, float], base_language: str | None
) -> tuple[Hashable, ...]:
    """Everything that the vectors depend on besides the texts."""
    module = picks.modules[language].manifest.fingerprint if language in picks.modules else None
    adapters = picks.adapters.get(language or "", {})
    aligned = tuple(
        (name, adapters[name].manifest.fingerprint if name in adapters else "", weight)
        for name, weight in sorted(weights.items())
    )
    return language, base_language, module, aligned
