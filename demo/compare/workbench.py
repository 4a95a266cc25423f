"""The one encoder that all visitors share, and what is loaded into it."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from adapters_hub import AlignmentAdapter, BaseEncoder, LanguageModule, ModularEncoder, load_base, load_module
from adapters_hub.address import Address
from adapters_hub.encoder import module_tokenizer
from demo.compare.catalog import Catalog, Entry, Picks
from demo.limits.errors import DemoError
from demo.limits.unloading import LeastRecentlyUsed

Progress = Callable[[float, str], None]
"""Told the share that is done, from 0 to 1, and what is being done."""

_KEPT_VECTORS = 64 << 20  # bytes


@dataclass
class Loaded:
    """A language in memory.

    Attributes:
        entry: its module.
        tokenizer: that goes with it.
        size: bytes in memory, its adapters left out.
        seconds: loading and checking took.
        adapters: objective to the adapter, its bytes in memory and the seconds.
    """

    entry: Entry
    tokenizer: PreTrainedTokenizerFast
    size: int
    seconds: float
    adapters: dict[str, tuple[Entry, int, float]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Bytes in memory, with its adapters."""
        return self.size + sum(size for _, size, _ in self.adapters.values())


class Piece(NamedTuple):
    """A token of a sentence: its text, whether the vocabulary knows it, and whether it is among those that count."""

    text: str
    known: bool
    counts: bool


class Workbench:
    """One encoder in memory, and for every request the modules that this visitor chose.

    Two visitors may choose different modules of one language: what a request needs is put in place and used under
    one lock, so that no request computes with another's modules.

    Args:
        catalog: what may be loaded.
        kept_languages: see `Settings`.
        base: instead of the catalog's.

    Attributes:
        encoder: the encoder.
        base_bytes: of the base's weights in memory.
    """

    def __init__(self, catalog: Catalog, kept_languages: int = 24, base: BaseEncoder | None = None) -> None:
        self.catalog = catalog
        source = base or catalog.base
        if source is None:
            raise DemoError("no base encoder: name one with --base, or list at least one language module")
        # float32: the numbers on the page are then the same on every machine, and exact.
        loaded = source if isinstance(source, BaseEncoder) else load_base(source)
        self.base_bytes = sum(parameter.numel() * 4 for parameter in loaded.backbone.parameters())
        self.encoder = ModularEncoder(loaded, hub=catalog.hub, dtype=torch.float32)
        self._lock = threading.RLock()
        self._loaded: dict[str, Loaded] = {}
        self._order = LeastRecentlyUsed(kept_languages)
        self._vectors: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._vector_bytes = 0
        self._fetched: set[str] = set()

    @property
    def loaded(self) -> dict[str, Loaded]:
        """What is in memory now, by language."""
        with self._lock:
            return {
                code: dataclasses.replace(item, adapters=dict(item.adapters)) for code, item in self._loaded.items()
            }

    def fetch(self, picks: Picks, progress: Progress | None = None) -> None:
        """Fetch what is not on this machine yet, file by file, largest part of the waiting outside the lock.

        Raises:
            HubError: the hub does not have it or does not answer.
        """
        plan = []
        wanted = [entry for entry in picks.entries if entry.address not in self._fetched]
        for entry in wanted:
            address = Address(entry.repo, entry.commit)
            known = self.catalog.hub.cached(address)
            if known and all((known[0] / name).is_file() for name in entry.manifest.needed_files):
                continue
            snapshot = self.catalog.hub.snapshot(address)
            plan += [(snapshot, name, snapshot.files.get(name, 0)) for name in entry.manifest.needed_files]
        total, done = sum(size for *_, size in plan) or 1, 0
        for snapshot, name, size in plan:
            if progress:
                progress(done / total, f"fetching {snapshot.repo}: {name}")
            self.catalog.hub.fetch(snapshot, [name])
            done += size
        self._fetched.update(entry.address for entry in wanted)

    def compose(self, picks: Picks, progress: Progress | None = None) -> None:
        """Load modules into the running encoder.

        Raises:
            CompositionError: they do not belong to this base or to each other.
            ModuleFormatError: one is damaged.
        """
        for number, (code, entry) in enumerate(picks.modules.items()):
            if progress:
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
            language: ISO 639-3 with a module among the picks; None for the untouched base.
            picks: this visitor's modules.
            weights: objective to weight; none of them: not aligned.
            base_language: what the sentences are in, for a base that marks them with it.

        Returns:
            `[n, dim]`, float32; not to be written to.
        """
        weights = {name: float(weight) for name, weight in (weights or {}).items() if weight} if language else {}
        key = _key(texts, language, picks, weights, base_language if language is None else None)
        with self._lock:
            if (known := self._vectors.get(key)) is not None:
                self._vectors.move_to_end(key)
                return known
            if language is not None:
                self._ensure(picks, language, list(weights))
            align = {language: weights} if language is not None and weights else False
            vectors = self.encoder.encode(list(texts), language, align=align, base_language=base_language)
            vectors.setflags(write=False)
            self._remember(key, vectors)
        return vectors

    def cut(self, texts: Sequence[str], language: str | None, picks: Picks) -> tuple[int, list[int | None]]:
        """Where sentences are cut that have more tokens than a module, or the base, reads.

        Returns:
            How many tokens it reads, those of the prompt and the special ones included, and of each sentence how many
            characters that are; None: all.
        """
        with self._lock:
            tokenizer = self._tokenizer(language, picks)
            prompt = self.encoder.base.prompt if language is None else picks.modules[language].manifest.prompt  # type: ignore[union-attr]
            most = self.encoder.max_length(language)
            prompted = [prompt + text for text in texts]
            encoded = tokenizer(prompted, truncation=True, max_length=most, return_offsets_mapping=True)
        return most, [
            max(end for _, end in offsets) - len(prompt) if encoding.overflowing else None
            for offsets, encoding in zip(encoded["offset_mapping"], encoded.encodings or (), strict=True)
        ]

    def tokens(self, text: str, language: str | None, picks: Picks) -> list[Piece]:
        """The pieces of a sentence as the tokenizer of a language, or of the base, cuts it."""
        with self._lock:
            tokenizer = self._tokenizer(language, picks)
            # Under the lock as well: a tokenizer is set to truncate, or not, before each use.
            encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            kept = self.cut([text], language, picks)[1][0]
        names = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        return [
            Piece(
                text[start:end] if end > start else name,
                known=identity != tokenizer.unk_token_id,
                counts=kept is None or start < kept,
            )
            for (start, end), name, identity in zip(encoded["offset_mapping"], names, encoded["input_ids"], strict=True)
        ]

    def _tokenizer(self, language: str | None, picks: Picks) -> PreTrainedTokenizerFast:
        """That of a language or of the base; the lock is held."""
        if language is None:
            return self.encoder.base.tokenizer
        self._ensure(picks, language, [])
        return self._loaded[language].tokenizer

    def _ensure(self, picks: Picks, language: str, objectives: Sequence[str]) -> None:
        """Put in place what a request needs; the lock is held."""
        entry = picks.modules.get(language)
        if entry is None:
            raise DemoError(f"no module for {language!r} is chosen: choose one under Modules")
        present = self._loaded.get(language)
        if present is None or present.entry.address != entry.address:
            module, seconds = self._timed(entry)
            if not isinstance(module, LanguageModule):
                raise DemoError(f"{entry.repo} is not a language module: choose one")
            # Whatever is in the way of this one, other visitors can use until it is sure that this one can be.
            self.encoder.add_module(module, replace=True)
            # Adapters of other languages that were made for another pivot went; what is left of those is read again.
            for code in [code for code, item in self._loaded.items() if code != language and _hinders(item, entry)]:
                self._unload(code)
            tokenizer = module_tokenizer(self.encoder.base, module)
            self._loaded[language] = Loaded(entry, tokenizer, _module_bytes(module), seconds)
        for code in self._order.use(language):
            self._unload(code)
        for objective in objectives:
            self._ensure_adapter(picks, language, objective)

    def _ensure_adapter(self, picks: Picks, language: str, objective: str) -> None:
        wanted = picks.adapters.get(language, {}).get(objective)
        if wanted is None:
            have = ", ".join(picks.objectives(language)) or "none"
            raise DemoError(f"no alignment adapter {objective!r} for {language!r} is chosen (chosen: {have})")
        item = self._loaded[language]
        present = item.adapters.get(objective)
        if present is not None and present[0].address == wanted.address:
            return
        adapter, seconds = self._timed(wanted)
        if not isinstance(adapter, AlignmentAdapter):
            raise DemoError(f"{wanted.repo} is not an alignment adapter: choose one")
        adapter.check_base(self.encoder.base)
        pivot = self._loaded.get(adapter.manifest.pivot)
        if pivot is not None and pivot.entry.manifest.fingerprint != adapter.manifest.pivot_fingerprint:
            self._unload(adapter.manifest.pivot)  # another visitor's; it comes back when it is asked for
        self.encoder.add_module(adapter, replace=True)
        size = sum(tensor.numel() * tensor.element_size() for tensor in adapter.bottlenecks.state_dict().values())
        item.adapters[objective] = (wanted, size, seconds)

    def _timed(self, entry: Entry) -> tuple[LanguageModule | AlignmentAdapter, float]:
        start = time.perf_counter()
        module = load_module(entry.address, hub=self.catalog.hub, base=self.encoder.base)
        return module, time.perf_counter() - start

    def _unload(self, language: str) -> None:
        if language in self._loaded:
            self.encoder.remove_module(language)
            del self._loaded[language]
        self._order.forget(language)

    def _remember(self, key: bytes, vectors: np.ndarray) -> None:
        self._vectors[key] = vectors
        self._vector_bytes += vectors.nbytes
        while self._vector_bytes > _KEPT_VECTORS and len(self._vectors) > 1:
            self._vector_bytes -= self._vectors.popitem(last=False)[1].nbytes


def _module_bytes(module: LanguageModule) -> int:
    """In float32, in which it is computed with."""
    embeddings = 0 if module.embeddings is None else module.embeddings.numel() * 4
    factors = (matrix for lora in module.loras.values() for pair in lora.factors.values() for matrix in pair)
    return embeddings + sum(matrix.numel() * matrix.element_size() for matrix in factors)


def _hinders(item: Loaded, module: Entry) -> bool:
    return any(
        adapter.manifest.pivot == module.language  # type: ignore[union-attr]
        and adapter.manifest.pivot_fingerprint != module.manifest.fingerprint  # type: ignore[union-attr]
        for adapter, *_ in item.adapters.values()
    )


def _key(
    texts: Sequence[str],
    language: str | None,
    picks: Picks,
    weights: Mapping[str, float],
    base_language: str | None,
) -> bytes:
    """Stands for all that vectors depend on; a digest, so that no visitor's text is kept."""
    module = picks.modules[language].manifest.fingerprint if language in picks.modules else None
    adapters = picks.adapters.get(language or "", {})
    aligned = [
        (name, adapters[name].manifest.fingerprint if name in adapters else "", weight)
        for name, weight in sorted(weights.items())
    ]
    facts = (language, base_language, module, aligned, tuple(texts))
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).digest()
