"""What a module's vocabulary is, in a few words."""

from __future__ import annotations

from adapters_hub.format import LanguageModuleManifest
from demo.compare.catalog import Entry


def vocabulary_text(entry: Entry) -> str:
    """Such as `trim, 60,000 tokens`; plain text, still to be escaped."""
    manifest = entry.manifest
    if not isinstance(manifest, LanguageModuleManifest) or "vocabulary" not in manifest.components:
        return "the base's vocabulary"
    size = manifest.vocabulary.get("size")
    count = f"{size:,} tokens" if isinstance(size, int) else "size not stated"
    return f"{manifest.vocabulary.get('strategy') or 'its own'}, {count}"
