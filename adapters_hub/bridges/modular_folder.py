"""The folder of a composed SentenceTransformer: modules, the base or a reference to it, and defaults of calls."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from adapters_hub.base import BaseEncoder, load_base, write_base
from adapters_hub.bridges.facts import read_export_facts
from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.errors import AdaptersHubError, ModuleFormatError
from adapters_hub.folders import inner_path
from adapters_hub.hub import copy_module
from adapters_hub.hub.fetching import Fetched
from adapters_hub.json_files import write_json

FILE_NAME = "modular_encoder.json"
FORMAT_VERSION = 1
_FACTS: dict[str, type | tuple[type, ...]] = {
    "base": dict,
    "modules": list,
    "default_language": str,
    "align": (bool, dict),
}


def write_modular(
    folder: Path, encoder: ModularEncoder, languages: Sequence[str], default: str, align: Align, include_base: bool
) -> None:
    """Write the modules of some languages, all their alignment adapters and the reference to the base into `folder`."""
    names = []
    for code in languages:
        for objective in (None, *encoder.alignments[code]):
            module = encoder.module(code, objective)
            module.check_unchanged()
            names.append(f"modules/{module.manifest.name}")
            copy_module(Fetched(module.folder, None), folder / names[-1])
    base = encoder.base
    facts = {
        "format_version": FORMAT_VERSION,
        "base": {
            "source": "base" if include_base else base.source,
            "inside": include_base,
            "revision": None if include_base else base.revision,
            "fingerprint": base.fingerprint,
            "hub_id": base.hub_id,
            "prompt": base.prompt,
            "pooling": base.pooling,
            "max_length": base.max_length,
        },
        "default_language": default,
        "align": align,
        "modules": names,
    }
    if include_base:
        with encoder.untouched_base():
            write_base(base, folder / "base")
    write_json(folder / FILE_NAME, facts)


def read_facts(folder: Path) -> dict[str, Any]:
    """Read and check what `write_modular` recorded.

    Raises:
        ModuleFormatError: the record is missing, not valid or newer, or names something outside the folder.
    """
    path = inner_path(folder, FILE_NAME)
    facts = read_export_facts(path, "export_composed", FORMAT_VERSION, _FACTS)
    base = facts["base"]
    if not isinstance(base.get("source"), str) or not isinstance(base.get("fingerprint"), str):
        raise ModuleFormatError(f"{path}: 'base' names no source and fingerprint: export it again")
    for name in (*facts["modules"], *([base["source"]] if base.get("inside") else [])):
        if not isinstance(name, str):
            raise ModuleFormatError(f"{path}: a module folder cannot be {name!r}: export it again")
        inner_path(folder, name)
    return dict(facts)


def load_encoder(
    folder: Path,
    facts: dict[str, Any],
    base: BaseEncoder | str | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> ModularEncoder:
    """Load an encoder with all modules in a folder; without a `base`, that from the source that the folder records.

    Raises:
        BaseEncoderError: the base cannot be found.
        AdaptersHubError: the base has another fingerprint.
        ModuleFormatError: a module is damaged.
    """
    recorded = facts["base"]
    if base is None or isinstance(base, str):
        inside = recorded.get("inside") and base is None
        base = load_base(
            base or (str(inner_path(folder, recorded["source"])) if inside else recorded["source"]),
            revision=None if inside or base else recorded.get("revision"),
            prompt=recorded.get("prompt"),
            pooling=recorded.get("pooling"),
            max_length=recorded.get("max_length"),
        )
    if base.fingerprint != recorded["fingerprint"]:
        raise AdaptersHubError(
            f"{folder} was made for the base {recorded['source']!r} (fingerprint {recorded['fingerprint'][:12]}), "
            f"found {base.source!r} ({base.fingerprint[:12]}): "
            "name the source of that base with model_kwargs={'base': …}"
        )
    modules = [inner_path(folder, name) for name in facts["modules"]]
    return ModularEncoder(base, modules, device=device, dtype=dtype)


def copy_modular(source: Path, target: Path, facts: dict[str, Any]) -> None:
    """Copy the modules, and the base if it lies in the folder, and record `facts`."""
    for name in (*facts["modules"], *([facts["base"]["source"]] if facts["base"].get("inside") else [])):
        if (target / name).resolve() != (source / name).resolve():
            shutil.copytree(inner_path(source, name), target / name, dirs_exist_ok=True)
    write_json(target / FILE_NAME, facts)
