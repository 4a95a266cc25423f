"""Fingerprints that tell SentenceTransformers apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize
from sentence_transformers.base.modules.transformer import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

from adapters_hub import ModularEncoder
from adapters_hub.bridges import export_composed, transformer_fingerprint
from tests.adapters_hub.bridges.conftest import Texts
from tests.adapters_hub.conftest import Shelf

Build = Callable[..., SentenceTransformer]


@pytest.fixture
def build(base_folders: Callable[[str], Path]) -> Build:
    """Build the same model every time, apart from the given changes."""

    def one(
        *, pooling: str = "mean", activation: Any = torch.nn.Tanh, prompt: str = "query: ", normalize: bool = True
    ) -> SentenceTransformer:
        word = Transformer(
            str(base_folders("bert")), max_seq_length=32, model_kwargs={"add_pooling_layer": False}
        )  # no newly drawn weights
        dimension = word.get_embedding_dimension()
        dense = Dense(dimension, dimension, activation_function=activation())
        torch.nn.init.eye_(dense.linear.weight)
        torch.nn.init.zeros_(dense.linear.bias)
        modules = [word, Pooling(dimension, pooling_mode=pooling), dense, *([Normalize()] if normalize else [])]
        return SentenceTransformer(modules=modules, device="cpu", prompts={"p": prompt}, default_prompt_name="p")

    return one


def _cut(model: SentenceTransformer) -> None:
    model.max_seq_length = 16


def _nudge(model: SentenceTransformer) -> None:
    next(model.parameters()).data[0, 0] += 0.01


def _read_more_words(model: SentenceTransformer) -> None:
    model.tokenizer.add_tokens(["Бәйтерек"])


def test_whatever_changes_the_vectors_changes_it(build: Build) -> None:
    built = [
        build(),
        build(pooling="cls"),
        build(activation=torch.nn.Identity),
        build(prompt="passage: "),
        build(normalize=False),
        build().bfloat16(),
    ]
    for change in (_cut, _nudge, _read_more_words):
        change(model := build())
        built.append(model)
    assert len({transformer_fingerprint(model) for model in built}) == len(built)


def test_use_and_a_journey_over_the_disk_leave_it(build: Build, texts: Texts, tmp_path: Path) -> None:
    model, untouched = build(), transformer_fingerprint(build())
    model.encode(texts.deu, batch_size=3)  # this makes the tokenizer pad and cut
    assert transformer_fingerprint(model) == untouched
    model.save(str(tmp_path / "saved"))
    assert transformer_fingerprint(SentenceTransformer(str(tmp_path / "saved"), device="cpu")) == untouched


def test_composed_languages_are_told_apart_by_what_is_behind_them(
    encoder: ModularEncoder, shelf: Shelf, tmp_path: Path
) -> None:
    found = set()
    for default, align in (("deu", "both"), ("deu", ""), ("kaz", "")):
        folder = export_composed(
            encoder,
            ["deu", "kaz"],
            tmp_path / f"{default}{align}",
            default_language=default,
            align={default: align} if align else False,
        )
        found.add(transformer_fingerprint(SentenceTransformer(str(folder), device="cpu", trust_remote_code=True)))
    assert len(found) == 3
