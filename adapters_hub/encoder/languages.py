"""The languages of an encoder: it knows all that were added, and keeps the most recently used ones in memory."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from adapters_hub.encoder.alignment import Align, Weights, resolve_alignment
from adapters_hub.encoder.composition import Composition
from adapters_hub.encoder.language import Language
from adapters_hub.errors import CompositionError
from adapters_hub.format import EMBEDDINGS_FILE
from adapters_hub.modules import AlignmentAdapter, LanguageModule

Module = TypeVar("Module", LanguageModule, AlignmentAdapter)


@dataclass
class Added:
    """A language module that was added, and its alignment adapters by objective; none of them holds its tensors."""

    module: LanguageModule
    adapters: dict[str, AlignmentAdapter] = field(default_factory=dict)


class Languages:
    """Adds, finds and removes languages, and unloads the least recently used ones.

    Args:
        composition: the composition that computes with the languages.
        most_in_memory: largest number of languages kept in memory, besides the untouched base; None keeps all.
    """

    def __init__(self, composition: Composition, most_in_memory: int | None = None) -> None:
        self._composition = composition
        self.most_in_memory = most_in_memory
        self._added: dict[str, Added] = {}
        self._loaded: dict[str, Language] = {}  # most recently used last
        self._bases: dict[str | None, Language] = {}  # by the language of the sentences

    def __iter__(self) -> Iterator[str]:
        return iter(self._added)

    @property
    def in_memory(self) -> list[str]:
        """The languages in memory, most recently used last."""
        return list(self._loaded)

    @property
    def holds_two(self) -> bool:
        """Whether a language can be loaded while another one is in use."""
        return self.most_in_memory is None or self.most_in_memory > 1

    def alignments(self) -> dict[str, list[str]]:
        """The objectives of the alignment adapters, by language."""
        return {code: list(added.adapters) for code, added in self._added.items()}

    def modules(self) -> list[LanguageModule | AlignmentAdapter]:
        """All modules that were added: each language module, followed by its alignment adapters."""
        found: list[LanguageModule | AlignmentAdapter] = []
        for added in self._added.values():
            found += [added.module, *added.adapters.values()]
        return found

    def module(self, code: str) -> LanguageModule:
        """The module of a language, without tokenizer and tensors.

        Raises:
            CompositionError: the language was not added.
        """
        return self._find(code).module

    def adapter(self, code: str, objective: str) -> AlignmentAdapter:
        """The alignment adapter of a language and an objective, with the shapes of its weights only.

        Raises:
            CompositionError: the language, or its adapter of that objective, was not added.
        """
        return self._find(code, objective).adapters[objective]

    def add(self, module: LanguageModule, *, replace: bool = False) -> None:
        """Add a language.

        Args:
            module: the module of the language.
            replace: replace the language's present module, and remove the adapters that were trained with that one.

        Raises:
            CompositionError: the language was added already, or the module is not the pivot module that adapters were
                trained with.
        """
        code = module.language
        present = self._added.get(code)
        if present is not None and not replace:
            raise CompositionError(f"language {code!r} is loaded already: remove_module({code!r}) first")
        adapters = [adapter for added in self._added.values() for adapter in added.adapters.values()]
        aligned = [adapter for adapter in adapters if adapter.manifest.pivot == code]
        if not replace:
            for adapter in aligned:
                adapter.check_pivot(module)
        language = self._composition.prepare(module, share=True)
        # The present module is removed only after everything for its replacement has succeeded.
        kept: dict[str, AlignmentAdapter] = {}
        if present is not None:
            kept = {
                objective: adapter
                for objective, adapter in present.adapters.items()
                if adapter.manifest.target_fingerprint == module.manifest.fingerprint
            }
        before = self._loaded.get(code)
        self._unload(code)
        for adapter in aligned:
            if adapter.manifest.pivot_fingerprint != module.manifest.fingerprint and adapter.language != code:
                self.remove(adapter.language, adapter.objective)
        self._added[code] = Added(_without_tensors(module), kept)
        if before is not None or not kept:  # otherwise the adapters' weights are on disk: load all together later
            language.bottlenecks = {objective: before.bottlenecks[objective] for objective in kept} if before else {}
            self._use(code, language)

    def add_adapter(self, adapter: AlignmentAdapter, *, replace: bool = False) -> None:
        """Add an alignment adapter to a language.

        Args:
            adapter: the adapter.
            replace: replace the language's present adapter of the same objective.

        Raises:
            CompositionError: the language was not added, the adapter was added already, or it belongs to other modules.
        """
        code, objective = adapter.language, adapter.objective
        added = self._added.get(code)
        if added is None:
            raise CompositionError(f"an alignment adapter needs its language module: add the module of {code!r} first")
        if objective in added.adapters and not replace:
            raise CompositionError(
                f"{code!r} has an alignment adapter {objective!r} already: remove_module({code!r}, {objective!r}) first"
            )
        adapter.check_target(added.module)
        if pivot := self._added.get(adapter.manifest.pivot):
            adapter.check_pivot(pivot.module)
        if objective in added.adapters:
            self.remove(code, objective)
        added.adapters[objective] = _without_weights(adapter)
        if language := self._loaded.get(code):
            language.bottlenecks[objective] = adapter.bottlenecks

    def remove(self, code: str, objective: str | None = None) -> None:
        """Remove a language, or only its adapter of one objective.

        Raises:
            CompositionError: the language, or its adapter of that objective, was not added.
        """
        added = self._find(code, objective)
        self._composition.activate(None)
        if objective is None:
            self._unload(code)
            del self._added[code]
        else:
            del added.adapters[objective]
            if language := self._loaded.get(code):
                language.forget(objective)

    def get(self, code: str | None, base_language: str | None = None) -> Language:
        """A language in memory, loaded from its folder again if it was unloaded.

        Embeddings that are in use stay on disk. If their file has changed since it was read, the language is loaded
        again, which succeeds only if the file's content is still the same, byte for byte.

        Args:
            code: ISO 639-3; None for the untouched base.
            base_language: the language of the base's sentences, see `ModularEncoder.encode`.

        Raises:
            CompositionError: the language was not added, or the folder now holds another module or adapter.
            ModuleFormatError: the folder holds no module any more, or a damaged one.
            BaseEncoderError: `code` is None and the base has no tokenizer.
        """
        if code is None:
            if base_language not in self._bases:
                base = self._composition.base
                self._bases[base_language] = Language(base, base.prompts, base.tokenizers.of(base_language))
            return self._bases[base_language]
        added = self._find(code)
        mapped = self._composition.may_share and EMBEDDINGS_FILE in added.module.states
        if mapped and not added.module.is_as_read(EMBEDDINGS_FILE):
            self._unload(code)
        self._use(code, self._loaded.get(code) or self._load(added))
        return self._loaded[code]

    def weights(self, code: str | None, align: Align) -> Weights:
        """The weights of a language's alignment adapters; errors are those of `resolve_alignment`."""
        if code is None:
            return ()
        is_pivot = any(
            adapter.manifest.pivot == code for other in self._added.values() for adapter in other.adapters.values()
        )
        return resolve_alignment(align, code, list(self._find(code).adapters), is_pivot)

    def _find(self, code: str, objective: str | None = None) -> Added:
        found = self._added.get(code)
        if found is None or (objective is not None and objective not in found.adapters):
            what = f"alignment adapter {objective!r} of " if objective else "language "
            raise CompositionError(f"{what}{code!r} is not loaded (loaded: {self.alignments()})")
        return found

    def _load(self, added: Added) -> Language:
        for module in (added.module, *added.adapters.values()):
            module.check_unchanged()
        module = self._again(added.module)
        adapters = {objective: self._again(adapter) for objective, adapter in added.adapters.items()}
        language = self._composition.prepare(module, share=True)
        language.bottlenecks = {objective: adapter.bottlenecks for objective, adapter in adapters.items()}
        added.module = _without_tensors(module)
        added.adapters = {objective: _without_weights(adapter) for objective, adapter in adapters.items()}
        return language

    def _again(self, added: Module) -> Module:
        """Load a module or an adapter from its folder again; hashes are only verified if the files' states changed."""
        base, verify = self._composition.base, not added.is_as_read()
        loaded = type(added).load(added.folder, verify=verify, base=base)
        loaded.check_base(base)
        return dataclasses.replace(loaded, address=added.address)  # type: ignore[return-value]

    def _use(self, code: str, language: Language) -> None:
        """Keep a language in memory as the one that is used most recently, and unload those that are too many."""
        self._loaded.pop(code, None)
        self._loaded[code] = language
        while self.most_in_memory is not None and len(self._loaded) > self.most_in_memory:
            self._unload(next(iter(self._loaded)))

    def _unload(self, code: str) -> None:
        if language := self._loaded.pop(code, None):
            self._composition.forget(language)


def _without_tensors(module: LanguageModule) -> LanguageModule:
    return dataclasses.replace(module, tokenizer=None, embeddings=None, loras={})


def _without_weights(adapter: AlignmentAdapter) -> AlignmentAdapter:
    """The adapter with the shapes of its weights only, on the device `meta`, which takes no memory."""
    return dataclasses.replace(adapter, bottlenecks=copy.deepcopy(adapter.bottlenecks).to("meta"))
