"""The card of an export to another library: what it is made of, its licence, and how to load it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from huggingface_hub import ModelCard

from adapters_hub.cards.card import ENVIRONMENT, as_markdown, base_text, data_rows
from adapters_hub.cards.markdown import plain
from adapters_hub.cards.metadata import common_license, export_data
from adapters_hub.format import AlignmentManifest, AnyManifest, LanguageModuleManifest
from adapters_hub.languages import autonym, language_name

ExportKind = Literal["merged", "composed", "onnx"]
_PACKAGES = {
    "merged": "sentence-transformers",
    "composed": "'modular-sentence-encoders[bridges]'",
    "onnx": "'modular-sentence-encoders[bridges]'",
}


def render_export_card(
    kind: ExportKind,
    modules: Sequence[LanguageModuleManifest],
    adapters: Sequence[AlignmentManifest] = (),
    *,
    base_inside: bool = True,
    is_sentence_transformer: bool = True,
) -> str:
    """The text of `README.md`, which begins with the metadata block; the first module is the default language's."""
    parts: list[AnyManifest] = [*modules, *adapters]
    first = modules[0]
    name, own_name = language_name(first.language), autonym(first.language)
    datasets = {row["dataset"] for part in parts for row in data_rows(part.training.get("data")) if row["dataset"]}
    metadata = export_data(parts, sorted(datasets), kind)
    licence = common_license(parts)
    languages = [f"`{module.language}`" for module in modules]
    # The metadata is YAML, whose writer quotes text; everything else is Markdown.
    modules, adapters = [as_markdown(module) for module in modules], [as_markdown(adapter) for adapter in adapters]
    parts, first = [*modules, *adapters], modules[0]
    body = ENVIRONMENT.get_template("export.md").render(
        kind=kind,
        title=f"{', '.join(language_name(module.language) for module in modules)}: sentence vectors",
        first=first,
        language=name,
        autonym=own_name,
        sentences=json.dumps([own_name], ensure_ascii=False),
        default_language=first.language,
        languages=", ".join(languages),
        aligned=", ".join(dict.fromkeys(f"`{adapter.language}`" for adapter in adapters)),
        adapters=adapters,
        dimension=first.dimension,
        prompt=" ".join(first.prompt.replace("`", "'").splitlines()),
        parts=parts,
        license=plain(licence),
        base_text=base_text(first),
        base_inside=base_inside,
        packages=_PACKAGES[kind],
        is_sentence_transformer=is_sentence_transformer,
    )
    return str(ModelCard(f"---\n{metadata.to_yaml()}\n---\n{body}").content).rstrip() + "\n"
