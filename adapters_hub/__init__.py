"""Modular sentence encoders: one frozen base, a module per language, alignment on the side."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters_hub.base import BaseEncoder, load_base
    from adapters_hub.detection import AutoLanguage, Detected
    from adapters_hub.encoder import ModularEncoder
    from adapters_hub.errors import (
        AdaptersHubError,
        BaseEncoderError,
        CompositionError,
        InputTextError,
        ModuleFormatError,
    )
    from adapters_hub.hub import HubError, fetch_module, find_modules, push
    from adapters_hub.modules import AlignmentAdapter, LanguageModule, load_module

__version__ = "0.1.0"

# An empty value means unset (XDG Base Directory Specification); huggingface_hub would write to the working folder.
if not os.environ.get("XDG_CACHE_HOME", "/"):
    del os.environ["XDG_CACHE_HOME"]

__all__ = [
    "AdaptersHubError",
    "AlignmentAdapter",
    "AutoLanguage",
    "BaseEncoder",
    "BaseEncoderError",
    "CompositionError",
    "Detected",
    "HubError",
    "InputTextError",
    "LanguageModule",
    "ModularEncoder",
    "ModuleFormatError",
    "fetch_module",
    "find_modules",
    "load_base",
    "load_module",
    "push",
]

# Imported on first use: torch and transformers take seconds to import, which --help and --version need not wait for.
_HOMES = {
    "adapters_hub.base": ("BaseEncoder", "load_base"),
    "adapters_hub.detection": ("AutoLanguage", "Detected"),
    "adapters_hub.encoder": ("ModularEncoder",),
    "adapters_hub.errors": (
        "AdaptersHubError",
        "BaseEncoderError",
        "CompositionError",
        "InputTextError",
        "ModuleFormatError",
    ),
    "adapters_hub.hub": ("HubError", "fetch_module", "find_modules", "push"),
    "adapters_hub.modules": ("AlignmentAdapter", "LanguageModule", "load_module"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
