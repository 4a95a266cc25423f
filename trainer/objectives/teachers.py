"""Teachers: frozen encoders that are good at the pivot language and define how similar its sentences are.

The setting `teacher` names a teacher as follows:

| setting | teacher |
| --- | --- |
| `base` | the untouched base of the recipe |
| `package:NAME` | another base, untouched, from a package |
| `st:ID` | any SentenceTransformer: a Hub id or a folder |
| `FOLDER`, `ORG/NAME[@REVISION]` | the pivot's language module |

The similarities of several teachers are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from accelerate import PartialState

from adapters_hub import BaseEncoder, load_base
from adapters_hub.errors import AdaptersHubError
from adapters_hub.hub import fetch_manifest, fetch_module
from trainer.objectives.frozen_vectors import FrozenEncoder, frozen_language, modular_copy
from trainer.settings import SettingsError

BASE = "base"
SENTENCE_TRANSFORMER = "st:"
_PACKAGE = "package:"


def open_teachers(
    sources: Sequence[str], base: BaseEncoder, pivot: str, max_length: int, hub: str | None
) -> list[FrozenEncoder]:
    """The teachers of a recipe.

    Args:
        sources: values as in the table above, with `{pivot}` replaced; at least one.
        base: the base encoder of the recipe; it is copied, never changed.
        pivot: the language of the sentences.
        max_length: number of tokens after which sentences are cut, the same as on the trained side.
        hub: the hub from which modules are fetched.

    Raises:
        SettingsError: a SentenceTransformer cannot be loaded, or a package that it needs is missing.
        AdaptersHubError: a base or module cannot be loaded, or a module is damaged or belongs to another base.
    """
    with PartialState().main_process_first():
        return [_open(source, base, pivot, max_length, hub) for source in sources]


def identity(source: str, hub: str | None) -> str:
    """The identity of a teacher in a manifest: the fingerprint of a language module, or the name of another encoder."""
    if source == BASE or source.startswith((_PACKAGE, SENTENCE_TRANSFORMER)):
        return source
    return fetch_manifest(source, hub)[0].fingerprint


def _open(source: str, base: BaseEncoder, pivot: str, max_length: int, hub: str | None) -> FrozenEncoder:
    if source.startswith(SENTENCE_TRANSFORMER):
        return _sentence_transformer(source.removeprefix(SENTENCE_TRANSFORMER), max_length)
    if source.startswith(_PACKAGE):
        other = modular_copy(load_base(source))
        return _described(frozen_language(other, None, max_length, pivot), "encoder", source)
    encoder = modular_copy(base)
    if source == BASE:
        return _described(frozen_language(encoder, None, max_length, pivot), "base", base.source)
    encoder.add_module(fetch_module(source, hub).folder)
    return _described(frozen_language(encoder, encoder.languages[0], max_length), "module", source)


def _described(encoder: FrozenEncoder, kind: str, source: str) -> FrozenEncoder:
    """Add the facts for manifest and card; a local folder is recorded by its name, not its path."""
    name = Path(source).name if Path(source).is_dir() else source
    return replace(encoder, facts={"kind": kind, "source": name, "fingerprint": encoder.identity[0]})


def _sentence_transformer(source: str, max_length: int) -> FrozenEncoder:
    try:
        from sentence_transformers import SentenceTransformer

        from adapters_hub.bridges import transformer_fingerprint
    except ImportError as error:
        raise SettingsError(
            f"the teacher {SENTENCE_TRANSFORMER}{source} needs a package that is not installed: "
            "pip install 'modular-sentence-encoders[bridges]'"
        ) from error
    try:
        model = SentenceTransformer(source, trust_remote_code=False)
    except (OSError, ValueError, AdaptersHubError) as error:
        raise SettingsError(
            f"no SentenceTransformer at {source!r} for a teacher ({str(error).splitlines()[0]}): check the name"
        ) from error
    model.max_seq_length = min(max_length, model.max_seq_length or max_length)

    def encode(texts: list[str]) -> np.ndarray:
        vectors: np.ndarray = model.encode(
            texts, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=len(texts) > 1000
        )
        return vectors.astype(np.float32, copy=False)

    fingerprint = transformer_fingerprint(model)
    return _described(FrozenEncoder(source, (fingerprint, str(model.max_seq_length)), encode), "encoder", source)
