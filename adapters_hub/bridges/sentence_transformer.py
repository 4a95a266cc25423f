"""Export folders for `sentence_transformers.SentenceTransformer`: one language merged, or several composed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from adapters_hub.base.backbone import quiet_transformers
from adapters_hub.base.sentence_folder import model_config
from adapters_hub.bridges.exports import (
    check_vectors,
    compose,
    counts_prompt_alike,
    save_tokenizer,
    write_sentence_files,
)
from adapters_hub.cards import render_export_card
from adapters_hub.encoder import Extract, ModularEncoder
from adapters_hub.encoder.alignment import Align, check_aligned
from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import write_folder
from adapters_hub.format import CARD, ROLES
from adapters_hub.json_files import write_json
from adapters_hub.requirements import needed_for


def export_merged(
    encoder: ModularEncoder,
    language: str,
    folder: str | os.PathLike[str],
    *,
    align: Align = False,
    replace: bool = False,
) -> Path:
    """Write one language as a stock SentenceTransformer: Transformer, Pooling, the base's dense layers, Normalize.

    LoRAs are merged into the weights; tokenizer and embeddings are the language's own; its prompt is the default
    prompt. So `SentenceTransformer(folder).encode(sentences)` gives the encoder's vectors, without this library and
    without `trust_remote_code`. Before the folder takes its place, it is loaded and its vectors are compared.

    Args:
        encoder: an encoder in float32.
        language: a language that is loaded.
        folder: the folder to write.
        align: must be False: an alignment adapter is not linear. `export_composed` and `export_onnx` can include it.
        replace: replace an existing folder.

    Returns:
        The folder.

    Raises:
        AdaptersHubError: alignment is asked for, sentence-transformers is missing or would count the prompt's tokens
            differently, or the folder cannot be written.
        CompositionError: the language is not loaded.
    """
    if align:
        raise AdaptersHubError(
            "an alignment adapter is not linear and cannot be merged into the weights: export with align=False, "
            "or with export_composed (--format composed) or export_onnx (--format onnx), which can include it"
        )
    with needed_for("an export to sentence-transformers"):
        from sentence_transformers import SentenceTransformer
    composed = compose(encoder, language)
    if not counts_prompt_alike(composed):
        raise AdaptersHubError(
            f"sentence-transformers would take the first token of every {language} sentence for part of the prompt: "
            "export with export_composed (--format composed) or export_onnx (--format onnx), which tell them apart"
        )
    with write_folder(folder, replace=replace) as unfinished, quiet_transformers():
        _write_merged(unfinished, composed)
        (unfinished / CARD).write_text(render_export_card("merged", [composed.manifest]), encoding="utf-8")
        loaded = SentenceTransformer(str(unfinished), device="cpu", local_files_only=True)

        def encode(sentences: list[str]) -> np.ndarray:
            return np.asarray(loaded.encode(sentences, show_progress_bar=False))

        check_vectors(composed, encode, str(folder))
    return Path(folder)


def export_composed(
    encoder: ModularEncoder,
    languages: Iterable[str] | None,
    folder: str | os.PathLike[str],
    *,
    default_language: str | None = None,
    align: Align = False,
    include_base: bool = False,
    replace: bool = False,
) -> Path:
    """Write several languages as one SentenceTransformer that composes them on one base.

    Load it with `SentenceTransformer(folder, trust_remote_code=True)` where this library is installed:
    sentence-transformers requires `trust_remote_code` for every class that is not its own, installed or not. Language
    and alignment are chosen per call: `encode(sentences, language="deu", align=True)`.

    Args:
        encoder: the encoder whose modules and alignment adapters are exported.
        languages: languages to export, with all their alignment adapters; None: all that are loaded.
        folder: the folder to write.
        default_language: language of calls that name none; by default the first.
        align: alignment of calls that do not set it; as for `ModularEncoder.encode`.
        include_base: include the base encoder in the folder. Otherwise the folder records the base's source (Hub id,
            folder or package) and fingerprint, and the base is loaded from that source.
        replace: replace an existing folder.

    Returns:
        The folder.

    Raises:
        AdaptersHubError: sentence-transformers is missing, or the folder cannot be written.
        CompositionError: a language is not loaded, or its folder holds another module by now.
        InputTextError: `align` names a language or an alignment adapter that is not exported.
    """
    with needed_for("an export to sentence-transformers"):
        from adapters_hub.bridges.modular_folder import write_modular
        from adapters_hub.bridges.modular_input import ModularInput
    chosen = encoder.languages if languages is None else list(dict.fromkeys(languages))
    default = default_language or (chosen[0] if chosen else None)
    if default not in chosen:
        raise AdaptersHubError(
            f"the default language {default!r} is not among those to export ({', '.join(chosen) or 'none'}): name one"
        )
    check_aligned(align, chosen)
    if align and not isinstance(align, bool):
        align = {code: _plain(choice) for code, choice in align.items()}
    for code in chosen:
        encoder.fingerprints(code, align=align)  # raises the errors of encoding before anything is written
    with write_folder(folder, replace=replace) as unfinished, quiet_transformers():
        write_modular(unfinished, encoder, chosen, default, align, include_base)
        kind = f"{ModularInput.__module__}.{ModularInput.__qualname__}"
        write_json(unfinished / "modules.json", [{"idx": 0, "name": "0", "path": "", "type": kind}])
        # The prompts are only names: each language has prompts of its own, which `ModularInput` looks up.
        names = {name: name for name in ROLES}
        write_json(unfinished / "config_sentence_transformers.json", model_config(names, None, _versions()))
        first = [default, *(code for code in chosen if code != default)]
        card = render_export_card(
            "composed",
            [encoder.manifest(code) for code in first],
            [encoder.manifest(code, objective) for code in chosen for objective in encoder.alignments[code]],
            base_inside=include_base,
        )
        (unfinished / CARD).write_text(card, encoding="utf-8")
        ModularInput.load(str(unfinished))  # raises now the errors that loading would raise later
    return Path(folder)


def _write_merged(folder: Path, composed: Extract) -> None:
    composed.backbone.save_pretrained(folder)
    save_tokenizer(composed, folder)
    forward = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
    transformer: dict[str, Any] = {
        "transformer_task": "feature-extraction",
        "modality_config": forward,
        "module_output_name": "token_embeddings",
    }
    if composed.backbone.config.model_type in ("bert", "roberta", "xlm-roberta", "camembert"):
        # Token vectors are pooled, so leave out a pooling layer with random weights and the warning of it.
        transformer["model_kwargs"] = {"add_pooling_layer": False}
    write_sentence_files(composed, folder, transformer, _versions())


def _versions() -> dict[str, str]:
    import sentence_transformers
    import torch
    import transformers

    return {
        "sentence_transformers": sentence_transformers.__version__,
        "transformers": transformers.__version__,
        "pytorch": torch.__version__,
    }


def _plain(choice: Any) -> Any:  # noqa: ANN401
    """The value of `align` for one language, in types that JSON has."""
    return choice if isinstance(choice, str) else dict(choice) if hasattr(choice, "items") else list(choice)
