"""Load a module of either kind."""

from __future__ import annotations

import os

from adapters_hub.base.loading import BaseEncoder
from adapters_hub.format import read_kind
from adapters_hub.hub import Hub, fetch_module
from adapters_hub.modules.alignment_adapter import AlignmentAdapter
from adapters_hub.modules.language_module import LanguageModule


def load_module(
    source: str | os.PathLike[str],
    *,
    hub: Hub | str | os.PathLike[str] | None = None,
    verify: bool = True,
    base: BaseEncoder | None = None,
) -> LanguageModule | AlignmentAdapter:
    """Load and check a module of either kind; arguments and errors are those of `LanguageModule.load`."""
    folder, address = fetch_module(source, hub)
    kind = LanguageModule if read_kind(folder) == "language_module" else AlignmentAdapter
    return kind.load(address or folder, hub=hub, verify=verify, base=base)
