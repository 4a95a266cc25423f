"""The encoders that can be scored, and their names on the command line."""

from __future__ import annotations

from eval.encoders.cache import CachedEncoder
from eval.encoders.encoder import Encoder
from eval.encoders.opening import as_encoder, open_encoders

__all__ = ["CachedEncoder", "Encoder", "as_encoder", "open_encoders"]
