"""The tiny modules that hostile ones are made of."""

from tests.adapters_hub.conftest import bases, shelf

__all__ = ["bases", "shelf"]  # fixtures
