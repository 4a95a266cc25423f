"""The languages of an encoder: it knows all that were added, and keeps the most recently used ones in memory."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from transformers import PreTrainedTokenizerFast

from adapters_hub.encoder.alignment import Align, Weights, resolve_alignment
from adapters_hub.encoder.composition import Composition, Prepared, module_tokenizer
from adapters_hub.errors import CompositionError
from adapters_hub.format import EMBEDDINGS_FILE
from adapters_hub.modules import AlignmentAdapter, Bottlenecks, LanguageModule, blend

_KEPT_BLENDS = 4

Module = TypeVar("Module", LanguageModule, AlignmentAdapter)


@dataclass
class Language:
    """A language module that was added, and its alignment adapters.

    Attributes:
        module: the module without its tokenizer and tensors.
        adapters: alignment adapters by objective; while the language is unloaded, their weights are on the device
            `meta`, which takes no memory.
        memory: the parts that take memory; None while the language is unloaded.
    """

    module: LanguageModule
    adapters: dict[str, AlignmentAdapter] = field(default_factory=dict)
    memory: Memory | None = None


@dataclass
class Memory:
    """The parts of a language that take memory.

    Attributes:
        prepared: the module, ready to be activated.
        tokenizer: the tokenizer of the module or of the base.
        blends: blended alignment adapters on the device, by their weights.
    """

    prepared: Prepared
    tokenizer: PreTrainedTokenizerFast
    blends: dict[Weights, Bottlenecks] = field(default_factory=dict)


class Languages:
    """Adds, finds and removes languages, and unloads the least recently used ones.

    Args:
        composition: the composition that computes with the languages.
        most_in_memory: largest number of languages kept in memory; None keeps all.
    """

    def __init__(self, composition: Composition, most_in_memory: int | None = None) -> None:
        self._composition = composition
        self._most = most_in_memory
        self._known: dict[str, Language] = {}
        self._used: dict[str, None] = {}  # the languages in memory, most recently used last

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    @property
    def in_memory(self) -> list[str]:
        """The languages in memory, most recently used last."""
        return list(self._used)

    @property
    def holds_two(self) -> bool:
        """Whether a language can be loaded while another one is in use."""
        return self._most is None or self._most > 1

    def alignments(self) -> dict[str, list[str]]:
        """The objectives of the alignment adapters, by language."""
        return {code: list(language.adapters) for code, language in self._known.items()}

    def modules(self) -> list[LanguageModule | AlignmentAdapter]:
        """All modules that were added: each language module, followed by its alignment adapters."""
        found: list[LanguageModule | AlignmentAdapter] = []
        for language in self._known.values():
            found += [language.module, *language.adapters.values()]
        return found

    def find(self, code: str, objective: str | None = None) -> Language:
        """A language that was added.

        Raises:
            CompositionError: the language, or its adapter of that objective, was not added.
        """
        found = self._known.get(code)
        if found is None or (objective is not None and objective not in found.adapters):
            what = f"alignment adapter {objective!r} of " if objective else "language "
            raise CompositionError(f"{what}{code!r} is not loaded (loaded: {self.alignments()})")
        return found

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
        present = self._known.get(code)
        if present is not None and not replace:
            raise CompositionError(f"language {code!r} is loaded already: remove_module({code!r}) first")
        adapters = [adapter for language in self._known.values() for adapter in language.adapters.values()]
        aligned = [adapter for adapter in adapters if adapter.manifest.pivot == code]
        if not replace:
            for adapter in aligned:
                adapter.check_pivot(module)
        memory: Memory | None = self._memory(module)
        own = dataclasses.replace(module, tokenizer=None, embeddings=None, loras={})
        # The present module is removed only after everything for its replacement has succeeded.
        own_adapters: dict[str, AlignmentAdapter] = {}
        if present is not None:
            own_adapters = {
                objective: adapter
                for objective, adapter in present.adapters.items()
                if adapter.manifest.target_fingerprint == module.manifest.fingerprint
            }
            if present.memory is None and own_adapters:  # their weights are not loaded: load all together later
                memory = None
            self._unload(code)
        for adapter in aligned:
            if adapter.manifest.pivot_fingerprint != module.manifest.fingerprint and adapter.language != code:
                self.remove(adapter.language, adapter.objective)
        self._known[code] = Language(own, own_adapters, memory)
        if memory is not None:
            self._touch(code)

    def add_adapter(self, adapter: AlignmentAdapter, *, replace: bool = False) -> None:
        """Add an alignment adapter to a language.

        Args:
            adapter: the adapter.
            replace: replace the language's present adapter of the same objective.

        Raises:
            CompositionError: the language was not added, the adapter was added already, or it belongs to other modules.
        """
        language = self._known.get(adapter.language)
        if language is None:
            raise CompositionError(
                f"an alignment adapter needs its language module: add the module of {adapter.language!r} first"
            )
        present = adapter.objective in language.adapters
        if present and not replace:
            raise CompositionError(
                f"{adapter.language!r} has an alignment adapter {adapter.objective!r} already: "
                f"remove_module({adapter.language!r}, {adapter.objective!r}) first"
            )
        adapter.check_target(language.module)
        if pivot := self._known.get(adapter.manifest.pivot):
            adapter.check_pivot(pivot.module)
        if present:
            self.remove(adapter.language, adapter.objective)
        language.adapters[adapter.objective] = adapter if language.memory else _without_weights(adapter)

    def remove(self, code: str, objective: str | None = None) -> None:
        """Remove a language, or only its adapter of one objective; errors are those of `find`."""
        language = self.find(code, objective)
        self._composition.activate(None)
        if objective is None:
            self._unload(code)
            del self._known[code]
        else:
            del language.adapters[objective]
            if language.memory:
                language.memory.blends.clear()

    def memory(self, code: str) -> Memory:
        """The parts of a language in memory, loaded from its folder again if it was unloaded.

        Embeddings that are in use stay on disk. If their file has changed since it was read, the language is loaded
        again, which succeeds only if the file's content is still the same, byte for byte.

        Raises:
            CompositionError: the folder now holds another module or adapter.
            ModuleFormatError: the folder holds no module any more, or a damaged one.
        """
        language = self.find(code)
        mapped = self._composition.may_share and EMBEDDINGS_FILE in language.module.states
        if language.memory is not None and mapped and not language.module.is_as_read(EMBEDDINGS_FILE):
            self._unload(code)
        if language.memory is None:
            for added in (language.module, *language.adapters.values()):
                added.check_unchanged()
            module = self._again(language.module)
            adapters = {name: self._again(old) for name, old in language.adapters.items()}
            language.memory, language.adapters = self._memory(module), adapters
            language.module = dataclasses.replace(module, tokenizer=None, embeddings=None, loras={})
        self._touch(code)
        return language.memory

    def weights(self, code: str, align: Align) -> Weights:
        """The weights of a language's alignment adapters; errors are those of `resolve_alignment`."""
        is_pivot = any(
            adapter.manifest.pivot == code for other in self._known.values() for adapter in other.adapters.values()
        )
        return resolve_alignment(align, code, list(self.find(code).adapters), is_pivot)

    def alignment(self, code: str, weights: Weights) -> Bottlenecks | None:
        """The alignment adapters of a language, blended by their weights, on the device; None without weights."""
        if not weights:
            return None
        blends = self.memory(code).blends
        if weights not in blends:
            while len(blends) >= _KEPT_BLENDS:  # a user who moves a slider asks for many blends
                blends.pop(next(iter(blends)))
            adapters = self.find(code).adapters
            # A copy, because `.to` works in place and other encoders may use the same adapters.
            own = copy.deepcopy(blend([(adapters[objective].bottlenecks, weight) for objective, weight in weights]))
            blends[weights] = own.to(self._composition.device, self._composition.dtype)
        return blends[weights]

    def _again(self, added: Module) -> Module:
        """Load a module or an adapter from its folder again; hashes are only verified if the files' states changed."""
        base, verify = self._composition.base, not added.is_as_read()
        loaded = type(added).load(added.folder, verify=verify, base=base)
        loaded.check_base(base)
        return dataclasses.replace(loaded, address=added.address)  # type: ignore[return-value]

    def _memory(self, module: LanguageModule) -> Memory:
        prepared = self._composition.prepare(module, share=True)
        return Memory(prepared, module_tokenizer(self._composition.base, module))

    def _touch(self, code: str) -> None:
        self._used.pop(code, None)
        self._used[code] = None
        while self._most is not None and len(self._used) > self._most:
            self._unload(next(iter(self._used)))

    def _unload(self, code: str) -> None:
        language = self._known[code]
        if language.memory is not None:
            self._composition.forget(language.memory.prepared)
            language.memory = None
            language.adapters = {name: _without_weights(adapter) for name, adapter in language.adapters.items()}
        self._used.pop(code, None)


def _without_weights(adapter: AlignmentAdapter) -> AlignmentAdapter:
    """The adapter with the shapes of its weights only."""
    return dataclasses.replace(adapter, bottlenecks=copy.deepcopy(adapter.bottlenecks).to("meta"))
