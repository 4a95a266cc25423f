"""Tiny base encoders from which the stages start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters_hub import BaseEncoder, load_base
from tests.trainer.building import write_translator


@pytest.fixture(scope="session")
def bases(base_folders: Callable[[str], Path]) -> Callable[[str], BaseEncoder]:
    """Map of each architecture to a tiny base encoder; tests must copy it (`BaseEncoder.copy`) and never change it."""
    loaded: dict[str, BaseEncoder] = {}

    def base(architecture: str) -> BaseEncoder:
        if architecture not in loaded:
            loaded[architecture] = load_base(base_folders(architecture))
        return loaded[architecture]

    return base


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder per test file, for the vectors of pivots."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MSE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def translation_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a translation model that translates forty German sentences into Kazakh."""
    return write_translator(tmp_path_factory.mktemp("translator"))
