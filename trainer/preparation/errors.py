"""What can go wrong with a source."""

from __future__ import annotations

from trainer.data.errors import DataError


class LanguageMissing(DataError):
    """A source that has nothing in the language; others may have."""
