"""What an encoder is made of, small enough to be sent to another process."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from adapters_hub.base import BaseEncoder, load_base
from adapters_hub.errors import CompositionError
from adapters_hub.hub import Hub
from adapters_hub.modules import AlignmentAdapter, LanguageModule, load_module


@dataclass(frozen=True)
class Recipe:
    """The base, the modules and the settings of an encoder, by their names, folders and fingerprints.

    Attributes:
        base: what `load_base` takes, by name.
        base_fingerprint: of that base.
        modules: folder, address and fingerprint of each, in the order they were added.
        options: of `ModularEncoder`.
    """

    base: dict[str, Any]
    base_fingerprint: str
    modules: tuple[tuple[Path, str | None, str], ...]
    options: dict[str, Any]

    @classmethod
    def of(
        cls,
        base: BaseEncoder,
        modules: Iterable[LanguageModule | AlignmentAdapter],
        *,
        hub: Hub | str | os.PathLike[str] | None,
        device: torch.device,
        dtype: torch.dtype,
        max_loaded_modules: int | None,
    ) -> Recipe:
        """That of an encoder; folders by their whole paths, since another process may work in another folder."""
        source = str(Path(base.source).absolute()) if Path(base.source).is_dir() else base.source
        how = {} if base.as_it_comes else {name: getattr(base, name) for name in ("prompt", "pooling", "max_length")}
        parts = [(module.folder.absolute(), module.address, module.manifest.fingerprint) for module in modules]
        options = {"hub": hub, "device": str(device), "dtype": dtype, "max_loaded_modules": max_loaded_modules}
        return cls({"source": source, "revision": base.revision, **how}, base.fingerprint, tuple(parts), options)

    def load_base(self) -> BaseEncoder:
        """The base.

        Raises:
            BaseEncoderError: it is not there any more.
            CompositionError: another one is there.
        """
        loaded = load_base(**self.base)
        if loaded.fingerprint != self.base_fingerprint:
            raise CompositionError(
                f"the base {self.base['source']!r} is another one by now (fingerprint {loaded.fingerprint[:12]}) than "
                f"when this encoder was copied or sent ({self.base_fingerprint[:12]}): make the encoder anew"
            )
        return loaded

    def load_modules(self) -> list[LanguageModule | AlignmentAdapter]:
        """The modules.

        Raises:
            ModuleFormatError: one is not there any more, or is damaged.
            CompositionError: another one is there.
        """
        found = []
        for folder, address, fingerprint in self.modules:
            module = load_module(folder, verify=False)
            if module.manifest.fingerprint != fingerprint:
                raise CompositionError(
                    f"{folder} holds another module by now than when this encoder was copied or sent: make the encoder "
                    "anew"
                )
            found.append(replace(module, address=address))
        return found
