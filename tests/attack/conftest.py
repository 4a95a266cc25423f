"""The tiny modules from which hostile ones are made."""

from tests.adapters_hub.conftest import bases, shelf

__all__ = ["bases", "shelf"]  # fixtures
