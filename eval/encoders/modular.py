"""The project's own encoders: the untouched base, language modules, and these with their alignment adapters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from adapters_hub import ModularEncoder
from adapters_hub.encoder.alignment import Align
from eval.languages import find_language

Alignment = Literal["across", "never", "always"]
"""When alignment adapters are on: for comparisons across languages (as they are meant to be used), or as said."""


class BaseOnly:
    """The untouched base of a `ModularEncoder`: a multilingual encoder as it comes, or a monolithic control.

    Args:
        encoder: only its base is used.
        name: for tables.
        batch_size: most sentences per pass; None: by length.
        languages: to score in, those of the modules that it is compared with; None: any.
        max_length: tokens of a sentence that count; None: as many as the base wants.
    """

    kind = "base"

    def __init__(
        self,
        encoder: ModularEncoder,
        name: str,
        batch_size: int | None = None,
        languages: list[str] | None = None,
        max_length: int | None = None,
    ) -> None:
        self.encoder, self.name, self.batch_size, self._languages = encoder, name, batch_size, languages
        self.max_length = max_length

    def languages(self) -> list[str] | None:
        """Any, unless it was told which."""
        return self._languages

    def fingerprint(self, language: str, across: bool) -> str:
        """Of the base with its embeddings, its tokenizer as it marks the language, and the length."""
        return _key(self.encoder, self.encoder.fingerprints(None, base_language=language), self.max_length)

    def modules(self, language: str, across: bool) -> tuple[str, ...]:
        """None."""
        return ()

    def encode(self, sentences: Sequence[str], language: str, across: bool) -> np.ndarray:
        """Vectors `[n, dim]` of unit length."""
        return self.encoder.encode(
            sentences, None, base_language=language, batch_size=self.batch_size, max_length=self.max_length
        )

    def describe(self) -> dict[str, object]:
        """The base, and whether it has the prompt, pooling and length that are usual for it."""
        length = self.max_length or self.encoder.max_length(None)
        usual = self.encoder.base.as_it_comes and self.max_length is None
        return _describe(self.encoder) | {"max_length": length, "as_it_comes": usual}


class Modular:
    """Language modules, with their alignment adapters where they are on.

    Args:
        encoder: has the modules.
        name: for tables.
        alignment: when adapters are on.
        batch_size: most sentences per pass; None: by length.
        blend: objectives of the adapters to switch on, with weights; None: what `align=True` switches on.
        max_length: tokens of a sentence that count; None: as many as each module says.
    """

    def __init__(
        self,
        encoder: ModularEncoder,
        name: str,
        alignment: Alignment = "across",
        batch_size: int | None = None,
        blend: Mapping[str, float] | None = None,
        max_length: int | None = None,
    ) -> None:
        self.encoder, self.name, self.alignment, self.batch_size = encoder, name, alignment, batch_size
        self.blend, self.max_length = blend, max_length
        self.kind = "aligned" if alignment != "never" and any(encoder.alignments.values()) else "modules"

    def languages(self) -> list[str] | None:
        """Those of the modules that are loaded."""
        return self.encoder.languages

    def fingerprint(self, language: str, across: bool) -> str:
        """Of the module, the adapters that are on, the precision, and the length."""
        return _key(self.encoder, self.modules(language, across), self.max_length)

    def modules(self, language: str, across: bool) -> tuple[str, ...]:
        """The module and the adapters that are on."""
        code = self._loaded(language)
        return self.encoder.fingerprints(code, align=self._align(code, across))

    def encode(self, sentences: Sequence[str], language: str, across: bool) -> np.ndarray:
        """Vectors `[n, dim]` of unit length."""
        code = self._loaded(language)
        return self.encoder.encode(
            sentences,
            code,
            align=self._align(code, across),
            batch_size=self.batch_size,
            max_length=self.max_length,
        )

    def describe(self) -> dict[str, object]:
        """The base, the modules with the steps of their training, and when alignment is on."""
        encoder = self.encoder
        manifests = [encoder.manifest(code) for code in encoder.languages]
        own = {
            "prompt": ", ".join(sorted({manifest.prompt for manifest in manifests})),
            "pooling": ", ".join(sorted({manifest.pooling for manifest in manifests})),
            "max_length": self.max_length or max((manifest.max_length for manifest in manifests), default=None),
            "alignment": self.alignment,
            "languages": encoder.languages,
            "adapters": encoder.alignments,
            "blend": dict(self.blend) if self.blend else None,
            "steps": {code: _steps(encoder, code) for code in encoder.languages},
        }
        return _describe(encoder) | own

    def _align(self, code: str, across: bool) -> Align:
        on = self.alignment == "always" or (self.alignment == "across" and across)
        # A pivot has none, and a language whose adapter was not loaded is compared as it is.
        if not on or not self.encoder.alignments[code]:
            return False
        return True if self.blend is None else {code: self.blend}

    def _loaded(self, language: str) -> str:
        """The module that serves a language of a benchmark: `kaz` and `kaz_Cyrl`, `uzn` and `uzb` are the same."""
        return find_language(language, self.encoder.languages) or language


def _steps(encoder: ModularEncoder, language: str) -> dict[str, int]:
    """Training steps by phase, as the manifests of the module and of its adapters have them."""
    manifests = [
        encoder.manifest(language),
        *(encoder.manifest(language, name) for name in encoder.alignments[language]),
    ]
    phases = [item for manifest in manifests for item in manifest.training.get("phases", {}).items()]
    return {phase: facts["steps"] for phase, facts in phases if "steps" in facts}


def _key(encoder: ModularEncoder, fingerprints: Sequence[str], max_length: int | None) -> str:
    length = () if max_length is None else (max_length,)
    return hashlib.sha256(repr((*fingerprints, str(encoder.dtype), *length)).encode()).hexdigest()


def _describe(encoder: ModularEncoder) -> dict[str, object]:
    base = encoder.base
    return {
        "base": base.hub_id or base.source,
        "base_fingerprint": base.fingerprint,
        "prompt": base.prompt,
        "pooling": base.pooling,
        "precision": str(encoder.dtype).removeprefix("torch."),
        "dimension": encoder.dimension,
    }
