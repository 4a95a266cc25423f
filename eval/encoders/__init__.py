"""The encoders that can be scored, and their names on the command line."""

from __future__ import annotations

from eval.encoders.cache import CachedEncoder
from eval.encoders.encoder import Encoder, Role
from eval.encoders.opening import as_encoder, open_encoders

__all__ = ["CachedEncoder", "Encoder", "Role", "as_encoder", "open_encoders"]
