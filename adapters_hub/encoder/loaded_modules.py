"""The modules of an encoder: add, look up, remove and publish them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, overload

from adapters_hub.base import BaseEncoder
from adapters_hub.encoder.engine import Engine
from adapters_hub.encoder.recipe import Recipe
from adapters_hub.format import AlignmentManifest, AnyManifest, LanguageModuleManifest
from adapters_hub.hub import Hub, Pushed
from adapters_hub.modules import AlignmentAdapter, LanguageModule, load_module


class LoadedModules:
    """A base and the modules on it; a pickle or copy holds only their names, and loads them again."""

    base: BaseEncoder

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
        return Recipe.of(self._engine, self._hub)

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

    def manifest(self, language: str, objective: str | None = None) -> AnyManifest:
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
