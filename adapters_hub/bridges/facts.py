"""Read and check the JSON file in which an export describes itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters_hub.errors import ModuleFormatError
from adapters_hub.json_files import load_json


def read_export_facts(
    path: Path, writer: str, version: int, kinds: Mapping[str, type | tuple[type, ...]]
) -> dict[str, Any]:
    """Read the file and check its content.

    Args:
        path: a path that is known to lie inside the export's folder.
        writer: the function that writes such a folder, for the message.
        version: the `format_version` that this library writes.
        kinds: name to type of the required values.

    Raises:
        ModuleFormatError: the file is missing, too large or not valid, has another version, or lacks a value.
    """
    try:
        facts = load_json(path)
    except ValueError as error:
        raise ModuleFormatError(
            f"{path} cannot be read, or is not valid JSON ({error}): expected a folder that {writer} wrote: "
            "export it again"
        ) from error
    found = facts.get("format_version") if isinstance(facts, dict) else None
    if found != version:
        raise ModuleFormatError(
            f"{path}: expected format_version {version}, found {found!r}: "
            "pip install --upgrade modular-sentence-encoders, or export it again"
        )
    for name, kind in kinds.items():
        if not isinstance(facts.get(name), kind):
            raise ModuleFormatError(f"{path}: {name!r} cannot be {facts.get(name)!r}: export it again")
    return dict(facts)
