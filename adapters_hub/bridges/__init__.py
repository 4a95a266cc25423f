"""Use a `ModularEncoder` in other libraries: sentence-transformers, ONNX Runtime, MTEB.

This needs packages that the library itself does not: `pip install 'modular-sentence-encoders[bridges]'`. They are
imported only when they are used, and `import adapters_hub` does not import this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters_hub.bridges.fingerprint import transformer_fingerprint
    from adapters_hub.bridges.mteb import MTEBEncoder
    from adapters_hub.bridges.onnx import export_onnx
    from adapters_hub.bridges.onnx_encoder import OnnxEncoder
    from adapters_hub.bridges.sentence_transformer import export_composed, export_merged

__all__ = ["MTEBEncoder", "OnnxEncoder", "export_composed", "export_merged", "export_onnx", "transformer_fingerprint"]

# Imported one by one, on first use: `OnnxEncoder` runs where neither torch nor mteb is installed.
_HOMES = {
    "MTEBEncoder": "adapters_hub.bridges.mteb",
    "OnnxEncoder": "adapters_hub.bridges.onnx_encoder",
    "export_composed": "adapters_hub.bridges.sentence_transformer",
    "export_merged": "adapters_hub.bridges.sentence_transformer",
    "export_onnx": "adapters_hub.bridges.onnx",
    "transformer_fingerprint": "adapters_hub.bridges.fingerprint",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
