"""Errors of a source."""

from __future__ import annotations

from trainer.data.errors import DataError


class LanguageMissing(DataError):
    """The source has nothing in the language; other sources may."""
