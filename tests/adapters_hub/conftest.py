"""Bases in memory, and one set of module folders that the tests share and must not change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters_hub import AlignmentAdapter, BaseEncoder, LanguageModule, ModularEncoder, load_base
from tests.adapters_hub.builders import make_adapter, make_language
from tests.conftest import build_tokenizer, sample_sentences

Bases = Callable[[str], BaseEncoder]


@dataclass
class Shelf:
    """English is the pivot and keeps the base's vocabulary; German and Kazakh have vocabularies of their own."""

    base: BaseEncoder
    eng: LanguageModule
    deu: LanguageModule
    kaz: LanguageModule
    deu_both: AlignmentAdapter
    kaz_paraphrase: AlignmentAdapter
    kaz_parallel: AlignmentAdapter

    @property
    def folders(self) -> list[Path]:
        """All modules of the shelf."""
        return [
            module.folder
            for module in (self.eng, self.deu, self.kaz, self.deu_both, self.kaz_paraphrase, self.kaz_parallel)
        ]

    def encoder(self, *folders: Path) -> ModularEncoder:
        """A new encoder with these modules, or with none."""
        return ModularEncoder(self.base.copy(), folders, device="cpu")


@pytest.fixture(scope="session")
def bases(base_folders: Callable[[str], Path]) -> Bases:
    """Map of each architecture to a base in memory. Tests must not change it: `BaseEncoder.copy` makes a copy."""
    loaded: dict[str, BaseEncoder] = {}

    def base(architecture: str) -> BaseEncoder:
        if architecture not in loaded:
            loaded[architecture] = load_base(base_folders(architecture))
        return loaded[architecture]

    return base


@pytest.fixture(scope="session")
def shelf(bases: Bases, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Modules on the tiny XLM-R, whose positions depend on the padding id."""
    folder = tmp_path_factory.mktemp("shelf")
    base = bases("xlm-roberta")
    eng = make_language(base, folder / "eng", "eng", 10)
    deu = make_language(base, folder / "deu", "deu", 20, build_tokenizer("bpe", 400))
    kaz = make_language(base, folder / "kaz", "kaz", 30, build_tokenizer("unigram", 500))
    return Shelf(
        base,
        eng,
        deu,
        kaz,
        make_adapter(base, folder / "deu-eng-both", ("both", deu, eng), 40),
        make_adapter(base, folder / "kaz-eng-paraphrase", ("paraphrase", kaz, eng), 50),
        make_adapter(base, folder / "kaz-eng-parallel", ("parallel", kaz, eng), 60),
    )


@pytest.fixture(scope="session")
def german() -> list[str]:
    """German sentences of different lengths, enough for several small batches."""
    return sample_sentences("deu")[:12]


@pytest.fixture(scope="session")
def kazakh() -> list[str]:
    """English sentences in the manner of `german`."""
    return sample_sentences("kaz")[:12]


@pytest.fixture(scope="session")
def english() -> list[str]:
    """Kazakh sentences in the manner of `german`."""
    return sample_sentences("eng")[:12]
