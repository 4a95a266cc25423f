"""The project's own encoders: the untouched base, and language modules with or without alignment adapters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from adapters_hub import ModularEncoder
from adapters_hub.encoder.alignment import Align
from eval.encoders.encoder import Encoder, Role
from eval.languages import find_language

Alignment = Literal["across", "never", "always"]
"""When alignment adapters are on: in cross-lingual comparisons only (the intended use), never, or always."""


class BaseOnly(Encoder):
    """The untouched base of a `ModularEncoder`: a published multilingual encoder, or a monolithic control.

    Args:
        encoder: encoder whose base is scored; its modules are not used.
        name: display name, used in tables.
        batch_size: maximum sentences per pass; None: by length.
        languages: languages to score, those of the modules that it is compared with; None: any.
        max_length: maximum length in tokens; None: the base's own.
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
        """The languages given at construction; None: any."""
        return self._languages

    def fingerprint(self, language: str, across: bool) -> str:
        """Fingerprint of the base with embeddings, the tokenizer with the language's tag, and the maximum length."""
        return fingerprint_of(self.encoder, self.encoder.fingerprints(None, base_language=language), self.max_length)

    def encode(self, sentences: Sequence[str], language: str, across: bool, role: Role | None = None) -> np.ndarray:
        """Vectors `[n, dim]` of unit length."""
        return self.encoder.encode(
            sentences,
            None,
            prompt_name=role,
            base_language=language,
            batch_size=self.batch_size,
            max_length=self.max_length,
        )

    def describe(self) -> dict[str, object]:
        """Facts about the base, and whether its prompt, pooling and length are the usual ones."""
        length = self.max_length or self.encoder.max_length(None)
        usual = self.encoder.base.as_it_comes and self.max_length is None
        return _describe(self.encoder) | {"max_length": length, "as_it_comes": usual}


class Modular(Encoder):
    """Language modules, with alignment adapters when these are on.

    Args:
        encoder: encoder with the modules.
        name: display name, used in tables.
        alignment: when adapters are on.
        batch_size: maximum sentences per pass; None: by length.
        blend: objectives of the adapters to switch on, with weights; None: what `align=True` switches on.
        max_length: maximum length in tokens; None: each module's own.
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
        """The languages of the encoder's modules."""
        return self.encoder.languages

    def fingerprint(self, language: str, across: bool) -> str:
        """Fingerprint of the module, the adapters that are on, the precision, and the maximum length."""
        return fingerprint_of(self.encoder, self.modules(language, across), self.max_length)

    def modules(self, language: str, across: bool) -> tuple[str, ...]:
        """Fingerprints of the module and of the adapters that are on."""
        code = self._loaded(language)
        return self.encoder.fingerprints(code, align=self._align(code, across))

    def encode(self, sentences: Sequence[str], language: str, across: bool, role: Role | None = None) -> np.ndarray:
        """Vectors `[n, dim]` of unit length."""
        code = self._loaded(language)
        return self.encoder.encode(
            sentences,
            code,
            prompt_name=role,
            align=self._align(code, across),
            batch_size=self.batch_size,
            max_length=self.max_length,
        )

    def describe(self) -> dict[str, object]:
        """Facts about the base, the modules with their training steps, and when alignment is on."""
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

    def is_aligned(self, across: bool) -> bool:
        """Whether adapters are on in a comparison across languages, or within one."""
        return self.alignment == "always" or (self.alignment == "across" and across)

    def _align(self, code: str, across: bool) -> Align:
        # The pivot has no adapter; a language without a loaded adapter is compared unaligned.
        if not self.is_aligned(across) or not self.encoder.alignments[code]:
            return False
        return True if self.blend is None else {code: self.blend}

    def _loaded(self, language: str) -> str:
        """The loaded language for a benchmark's code: `kaz` and `kaz_Cyrl`, or `uzn` and `uzb`, are the same."""
        return find_language(language, self.encoder.languages) or language


def _steps(encoder: ModularEncoder, language: str) -> dict[str, int]:
    """Training steps by phase, from the manifests of the module and its adapters."""
    manifests = [
        encoder.manifest(language),
        *(encoder.manifest(language, name) for name in encoder.alignments[language]),
    ]
    phases = [item for manifest in manifests for item in manifest.training.get("phases", {}).items()]
    return {phase: facts["steps"] for phase, facts in phases if "steps" in facts}


def fingerprint_of(encoder: ModularEncoder, fingerprints: Sequence[str], max_length: int | None) -> str:
    """One fingerprint of those of modules, the encoder's precision and the maximum length; None: each module's own."""
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
