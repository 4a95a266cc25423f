"""A module's vocabulary in a few words."""

from __future__ import annotations

from adapters_hub.format import LanguageModuleManifest
from demo.compare.catalog import Entry


def vocabulary_text(entry: Entry) -> str:
    """A module's vocabulary as plain text, such as `trim, 60,000 tokens`; it is not escaped yet."""
    manifest = entry.manifest
    if not isinstance(manifest, LanguageModuleManifest) or "vocabulary" not in manifest.components:
        return "the base's vocabulary"
    size = manifest.vocabulary.get("size")
    count = f"{size:,} tokens" if isinstance(size, int) else "size not stated"
    return f"{manifest.vocabulary.get('strategy') or 'its own'}, {count}"
