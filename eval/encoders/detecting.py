"""Language modules, each used for the sentences that are detected to be in its language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapters_hub.detection import AUTO, detector
from adapters_hub.encoder.alignment import Align
from adapters_hub.format import OBJECTIVES
from eval.encoders.encoder import Role
from eval.encoders.modular import Modular, fingerprint_of


class Detecting(Modular):
    """A `Modular` that is not told the language of the sentences: its scores show what wrong detection costs."""

    def fingerprint(self, language: str, across: bool) -> str:
        """Fingerprint of all modules and adapters that are on, since any may be detected, the base and the detector."""
        encoder, align = self.encoder, self._align_each(across)
        parts = [one for code in (*encoder.languages, None) for one in encoder.fingerprints(code, align=align)]
        return fingerprint_of(encoder, (*parts, repr(encoder.auto), detector()), self.max_length)

    def modules(self, language: str, across: bool) -> tuple[str, ...]:
        """An empty tuple: the scores are not those of one module."""
        return ()

    def encode(self, sentences: Sequence[str], language: str, across: bool, role: Role | None = None) -> np.ndarray:
        """Vectors `[n, dim]` of unit length; `language` is not used."""
        return self.encoder.encode(
            sentences,
            AUTO,
            prompt_name=role,
            align=self._align_each(across),
            batch_size=self.batch_size,
            max_length=self.max_length,
        )

    def describe(self) -> dict[str, object]:
        """Facts as for `Modular`, and how languages are detected."""
        auto = self.encoder.auto
        return super().describe() | {"detector": detector(), "threshold": auto.threshold, "below": auto.below}

    def _align_each(self, across: bool) -> Align:
        """The adapters that are on, for each language that has any."""
        if not self.is_aligned(across):
            return False
        usual = OBJECTIVES[0]
        return {
            code: self.blend or (usual if usual in names else names)
            for code, names in self.encoder.alignments.items()
            if names
        }
