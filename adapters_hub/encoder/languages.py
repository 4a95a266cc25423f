"""The languages of an encoder: all that were added are known, those used last are in memory."""

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
        module: the module, its tensors left out.
        adapters: by objective; their weights are on the device `meta` while the language is not in memory.
        memory: what takes memory; None while it is unloaded.
    """

    module: LanguageModule
    adapters: dict[str, AlignmentAdapter] = field(default_factory=dict)
    memory: Memory | None = None


@dataclass
class Memory:
    """What of a language takes memory.

    Attributes:
        prepared: the module, ready to be activated.
        tokenizer: of the module or the base.
        blends: alignments, ready on the device.
    """

    prepared: Prepared
    tokenizer: PreTrainedTokenizerFast
    blends: dict[Weights, Bottlenecks] = field(default_factory=dict)


class Languages:
    """Adds, finds and removes languages, and unloads those that were not used for longest.

    Args:
        composition: what they are computed with.
        most_in_memory: how many are kept in memory; None: all.
    """

    def __init__(self, composition: Composition, most_in_memory: int | None = None) -> None:
        self._composition = composition
        self._most = most_in_memory
        self._known: dict[str, Language] = {}
        self._used: dict[str, None] = {}  # those in memory, the one used last at the end

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    @property
    def in_memory(self) -> list[str]:
        """Those that are in memory, the one used last at the end."""
        return list(self._used)

    @property
    def holds_two(self) -> bool:
        """Whether a language can be read while another is being used."""
        return self._most is None or self._most > 1

    def alignments(self) -> dict[str, list[str]]:
        """Objectives of the adapters, by language."""
        return {code: list(language.adapters) for code, language in self._known.items()}

    def modules(self) -> list[LanguageModule | AlignmentAdapter]:
        """All that were added: the language modules, each with its adapters behind it."""
        found: list[LanguageModule | AlignmentAdapter] = []
        for language in self._known.values():
            found += [language.module, *language.adapters.values()]
        return found

    def find(self, code: str, objective: str | None = None) -> Language:
        """A language that was added.

        Raises:
            CompositionError: it was not, or its adapter of that objective was not.
        """
        found = self._known.get(code)
        if found is None or (objective is not None and objective not in found.adapters):
            what = f"alignment adapter {objective!r} of " if objective else "language "
            raise CompositionError(f"{what}{code!r} is not loaded (loaded: {self.alignments()})")
        return found

    def add(self, module: LanguageModule, *, replace: bool = False) -> None:
        """Add a language.

        Args:
            module: its module.
            replace: take the place of the one that is there, and remove the adapters that were made for that.

        Raises:
            CompositionError: it is there already, or is not the pivot that adapters were made for.
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
        # Nothing is taken away before everything of what takes its place has succeeded.
        own_adapters: dict[str, AlignmentAdapter] = {}
        if present is not None:
            own_adapters = {
                objective: adapter
                for objective, adapter in present.adapters.items()
                if adapter.manifest.target_fingerprint == module.manifest.fingerprint
            }
            if present.memory is None and own_adapters:  # whose weights are not there: all are read together
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
            replace: take the place of the one of its objective that is there.

        Raises:
            CompositionError: the language is not there, the adapter is there already, or belongs to other modules.
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
        """Remove a language, or only its adapter of one objective; errors as those of `find`."""
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
        """What a language is computed with; read from its folder again if it was unloaded or replaced there.

        Embeddings stay on disk while they are used: where somebody has written into their file since, they are not
        looked at any more, and what lies there now serves if it is the same to the byte.

        Raises:
            CompositionError: another module or adapter lies there by now.
            ModuleFormatError: none lies there any more, or a damaged one.
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
        """Which of a language's adapters are on; errors as those of `resolve_alignment`."""
        is_pivot = any(
            adapter.manifest.pivot == code for other in self._known.values() for adapter in other.adapters.values()
        )
        return resolve_alignment(align, code, list(self.find(code).adapters), is_pivot)

    def alignment(self, code: str, weights: Weights) -> Bottlenecks | None:
        """The alignment that weights stand for, ready on the device."""
        if not weights:
            return None
        blends = self.memory(code).blends
        if weights not in blends:
            while len(blends) >= _KEPT_BLENDS:  # someone may be moving a slider
                blends.pop(next(iter(blends)))
            adapters = self.find(code).adapters
            # A copy, since `.to` works in place and the adapters may belong to other encoders too.
            own = copy.deepcopy(blend([(adapters[objective].bottlenecks, weight) for objective, weight in weights]))
            blends[weights] = own.to(self._composition.device, self._composition.dtype)
        return blends[weights]

    def _again(self, added: Module) -> Module:
        """A module or an adapter from its folder; its files are read twice, to compare them, only if they changed."""
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
    """The adapter with the shapes of its weights alone."""
    return dataclasses.replace(adapter, bottlenecks=copy.deepcopy(adapter.bottlenecks).to("meta"))
