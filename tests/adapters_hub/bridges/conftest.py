"""An encoder with an alignment adapter on every architecture, and one with all languages of the shelf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from adapters_hub import ModularEncoder
from adapters_hub.base import plain_tokenizer
from adapters_hub.format import WITHOUT_PROMPT
from tests.adapters_hub.builders import make_adapter, make_language
from tests.adapters_hub.conftest import Bases, Shelf
from tests.conftest import OWN_TOKENIZERS, build_tokenizer


@pytest.fixture(scope="session")
def encoder(shelf: Shelf) -> ModularEncoder:
    """English, German and Kazakh with all their adapters. Tests must not add or remove modules."""
    return shelf.encoder(*shelf.folders)


@dataclass
class Texts:
    """Short sentences, one with space around it, and some that are cut."""

    deu: list[str]
    kaz: list[str]
    eng: list[str]

    def __getitem__(self, language: str) -> list[str]:
        return list(getattr(self, language))


@pytest.fixture(scope="session")
def texts(german: list[str], kazakh: list[str], english: list[str]) -> Texts:
    """More than one batch of sentences per language."""
    sentences = (german, kazakh, english)
    return Texts(*([*some, "Ja.", f"  {some[0]}\n", " ".join(some), " ".join(some[:9]) * 3] for some in sentences))


@pytest.fixture(scope="session")
def aligned_on(bases: Bases, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModularEncoder]:
    """Map of each architecture to an encoder of German with a prompt, its own vocabulary and an alignment adapter."""
    made: dict[str, ModularEncoder] = {}

    def encoder(architecture: str) -> ModularEncoder:
        if architecture not in made:
            folder = tmp_path_factory.mktemp(f"aligned-{architecture}")
            base = bases(architecture)
            pooling = {"bert": "cls", "xlm-roberta": WITHOUT_PROMPT}.get(architecture, base.pooling)
            options = {"prompt": "Frage: ", "max_length": 31, "pooling": pooling}
            if architecture in OWN_TOKENIZERS:
                tokenizer = plain_tokenizer(OWN_TOKENIZERS[architecture](500))
            else:
                tokenizer = build_tokenizer("wordpiece" if pooling == WITHOUT_PROMPT else "bpe", 400)
            deu = make_language(base, folder / "deu", "deu", 70, tokenizer, **options)
            eng = make_language(base, folder / "eng", "eng", 80, **options)
            both = make_adapter(base, folder / "deu-eng-both", ("both", deu, eng), 90)
            made[architecture] = ModularEncoder(base.copy(), [deu.folder, eng.folder, both.folder], device="cpu")
        return made[architecture]

    return encoder
