"""A composed SentenceTransformer in other precisions, with other lengths, and in sentence-transformers' trainers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from sentence_transformers import (
    InputExample,
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Dense
from torch.utils.data import DataLoader
from transformers import AutoModel

from adapters_hub import AdaptersHubError, ModularEncoder, load_base
from adapters_hub.bridges import export_composed
from tests.adapters_hub.bridges.conftest import Texts
from tests.adapters_hub.builders import make_language


def load(folder: Path, **options: Any) -> SentenceTransformer:
    return SentenceTransformer(str(folder), trust_remote_code=True, device="cpu", **options)


@pytest.fixture(scope="module")
def halves(base_folders: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> ModularEncoder:
    """An encoder whose base is on disk in half precision, like the packaged one; German keeps the base's vocabulary."""
    folder = tmp_path_factory.mktemp("halves")
    source = base_folders("bert")
    AutoModel.from_pretrained(source, dtype=torch.float16, add_pooling_layer=False).save_pretrained(folder / "base")
    load_base(source).tokenizer.save_pretrained(folder / "base")
    base = load_base(folder / "base")
    deu = make_language(base, folder / "deu", "deu", 20)
    return ModularEncoder(base, [deu.folder], device="cpu")


@pytest.fixture(scope="module")
def folder(halves: ModularEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The encoder, exported."""
    return export_composed(halves, None, tmp_path_factory.mktemp("composed") / "deu")


DTYPES = [torch.float16, torch.bfloat16, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_it_changes_its_precision_and_back_without_a_trace(
    folder: Path, halves: ModularEncoder, texts: Texts, dtype: torch.dtype
) -> None:
    expected = halves.encode(texts.deu, "deu")
    model = load(folder).to(dtype)
    vectors = model.encode(texts.deu, convert_to_tensor=True)
    assert (model.dtype, vectors.dtype, model[0].encoder.dtype) == (dtype, dtype, dtype)
    np.testing.assert_allclose(vectors.float(), expected, atol=2e-6 if dtype == torch.float64 else 0.05)
    np.testing.assert_allclose(model.float().encode(texts.deu), expected, atol=2e-6)


@pytest.mark.parametrize("dtype", [torch.float16, "bfloat16"])
def test_it_is_loaded_in_the_precision_that_is_asked_for(
    folder: Path, halves: ModularEncoder, texts: Texts, dtype: Any
) -> None:
    model = load(folder, model_kwargs={"dtype": dtype})
    assert str(model.dtype).endswith(str(dtype))
    np.testing.assert_allclose(
        model.encode(texts.deu, convert_to_tensor=True).float(), halves.encode(texts.deu, "deu"), atol=0.05
    )
    for again in (copy.deepcopy(model), SentenceTransformer(modules=[pickle.loads(pickle.dumps(model[0]))])):
        assert again.dtype == model.dtype == again[0].encoder.dtype


def test_settings_that_would_not_be_heeded_are_refused(folder: Path) -> None:
    for options, named in [
        ({"model_kwargs": {"attn_implementation": "eager"}}, "attn_implementation"),
        ({"processor_kwargs": {"model_max_length": 9}}, "processor_kwargs"),
        ({"model_kwargs": {"dtype": "float8"}}, "float8"),
    ]:
        with pytest.raises(AdaptersHubError, match=named):
            load(folder, **options)


def test_a_length_that_is_set_holds_for_every_call_and_is_saved(
    folder: Path, halves: ModularEncoder, texts: Texts, tmp_path: Path
) -> None:
    model = load(folder)
    assert model.max_seq_length == halves.max_length("deu")
    model.max_seq_length = 9
    expected = halves.encode(texts.deu, "deu", max_length=9)
    assert np.abs(expected - halves.encode(texts.deu, "deu")).max() > 0.01
    np.testing.assert_allclose(model.encode(texts.deu), expected, atol=2e-6)
    model.save(str(tmp_path / "short"), create_model_card=False)
    again = load(tmp_path / "short")
    assert again.max_seq_length == copy.deepcopy(model).max_seq_length == 9
    np.testing.assert_allclose(again.encode(texts.deu), expected, atol=2e-6)
    again.max_seq_length = None
    np.testing.assert_allclose(again.encode(texts.deu), halves.encode(texts.deu, "deu"), atol=2e-6)
    for wrong in (0, -1, 10_000, "32", True):
        with pytest.raises(AdaptersHubError, match="expected max_seq_length between 1 and 128, or None"):
            model.max_seq_length = wrong


def train(model: SentenceTransformer, folder: Path) -> None:
    """Train one step with the current trainer."""
    arguments = SentenceTransformerTrainingArguments(
        str(folder), max_steps=1, report_to=[], use_cpu=True, save_strategy="no", disable_tqdm=True
    )
    data = datasets.Dataset.from_dict({"anchor": ["Ja.", "Komm!"], "positive": ["Genau.", "Komm her!"]})
    trainer = SentenceTransformerTrainer(model, arguments, data, loss=MultipleNegativesRankingLoss(model))
    trainer.train()


def fit(model: SentenceTransformer, folder: Path) -> None:
    """Train one step with the older `fit`."""
    rows = DataLoader([InputExample(texts=["Ja.", "Genau."])], batch_size=1)  # type: ignore[arg-type, var-annotated]
    model.fit([(rows, MultipleNegativesRankingLoss(model))], output_path=str(folder), show_progress_bar=False)


def backward(model: SentenceTransformer, folder: Path) -> None:
    """Train one step with a plain PyTorch loop."""
    model(model.preprocess(["Ja."]))["sentence_embedding"].sum().backward()


@pytest.mark.parametrize("way", [train, fit, backward])
def test_training_it_is_refused_with_what_trains_modules(folder: Path, tmp_path: Path, way: Any) -> None:
    with pytest.raises(AdaptersHubError, match=r"is for inference.*stages of trainer/.*--format sentence-transformers"):
        way(load(folder), tmp_path)


def test_layers_on_a_frozen_one_are_trained_and_saved_with_it(folder: Path, texts: Texts, tmp_path: Path) -> None:
    modular = load(folder)[0]
    modular.requires_grad_(False)
    before = modular.encoder.encode(texts.deu, "deu")
    model = SentenceTransformer(modules=[modular, Dense(modular.get_embedding_dimension(), 5)], device="cpu")
    weights = [parameter.detach().clone() for parameter in model[1].parameters()]
    train(model, tmp_path / "run")
    assert all(not torch.equal(*pair) for pair in zip(weights, model[1].parameters(), strict=True))
    np.testing.assert_array_equal(modular.encoder.encode(texts.deu, "deu"), before)
    model.save(str(tmp_path / "both"), create_model_card=False)
    again = load(tmp_path / "both")
    np.testing.assert_allclose(again.encode(texts.deu), model.encode(texts.deu), atol=2e-6)
    assert again.half().encode(texts.deu).shape == (len(texts.deu), 5)
