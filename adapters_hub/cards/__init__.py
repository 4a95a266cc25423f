"""Cards: pages that describe a module, made from its own records and the scores of an evaluation."""

from adapters_hub.cards.card import Link, is_as_made, render_card
from adapters_hub.cards.collection import render_collection
from adapters_hub.cards.export import render_export_card
from adapters_hub.cards.metadata import (
    CITATION,
    LIBRARY,
    PAPER,
    base_tag,
    common_license,
    kind_tag,
    language_tag,
    module_tag,
    public_source,
    tags_of,
)

__all__ = [
    "CITATION",
    "LIBRARY",
    "PAPER",
    "Link",
    "base_tag",
    "common_license",
    "is_as_made",
    "kind_tag",
    "language_tag",
    "module_tag",
    "public_source",
    "render_card",
    "render_collection",
    "render_export_card",
    "tags_of",
]
