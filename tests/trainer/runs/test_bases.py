"""Both stages on bases that are more than a transformer: with language tags, or with dense layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adapters_hub import LanguageModule, ModularEncoder, load_base
from adapters_hub.base import plain_tokenizer
from adapters_hub.bridges import export_merged
from tests.adapters_hub.base.sentence_folders import write_sentence_transformer
from tests.conftest import SAMPLE, sample_sentences, tagged_tokenizer, write_base
from tests.trainer.runs.launch import training, write_recipe
from trainer import monolithic, stage1, stage2
from trainer.runs.parsing import parse_recipe
from trainer.settings import Recipe
from trainer.training.encoder_model import EncoderModel

SHORT = {"training": training(steps=2, use_cpu=True)}
TEXT = "Guten Morgen!"


@pytest.fixture(scope="module")
def sonar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An M2M100 encoder whose tokenizer tags every text with its language."""
    return write_base(tmp_path_factory.mktemp("sonar") / "base", "m2m_100", tagged_tokenizer())


def recipe_of(folder: Path, base: Path, **changes: Any) -> Recipe:
    values = {"la": SHORT, "se": SHORT, "cla": SHORT} | changes
    path = write_recipe(folder / "recipe.yaml", base, folder, **values)
    return parse_recipe("stage", "", ["--recipe", str(path)])


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The first ids of all texts that an encoder in training receives."""
    first: set[int] = set()
    honest = EncoderModel.hidden_states

    def hidden_states(self: EncoderModel, passes: list[dict[str, torch.Tensor]]) -> Iterator[torch.Tensor]:
        for part in passes:
            first.update(part["input_ids"][:, 0].tolist())
        return honest(self, passes)

    monkeypatch.setattr(EncoderModel, "hidden_states", hidden_states)
    return first


@pytest.mark.parametrize("strategy", ["trim", "focus", "keep"])
def test_a_module_marks_its_sentences_with_its_language_from_the_first_phase_on(
    strategy: str, sonar: Path, tmp_path: Path, seen: set[int]
) -> None:
    sizes = {"strategy": strategy, "size": 300, "auxiliary_dim": 16, "auxiliary_min_count": 1}
    recipe = recipe_of(tmp_path, sonar, vocabulary=sizes, la=SHORT | {"train_embeddings": strategy != "keep"})
    base = load_base(recipe.base)
    stage1.Stage1(recipe, "eng").make(base)
    seen.clear()
    stage1.Stage1(recipe, "deu").make(base)
    stage2.Stage2(recipe, "deu", "both").make(base)

    module = LanguageModule.load(tmp_path / "deu")
    assert (module.tokenizer is None) == (strategy == "keep")
    tokenizer = module.tokenizer or base.tokenizers.of("deu")
    assert tokenizer(TEXT).tokens()[0] == "deu_Latn"
    assert seen == {tokenizer.get_vocab()["deu_Latn"]}
    encoder = ModularEncoder(modules=[tmp_path / "eng", tmp_path / "deu", tmp_path / "deu-eng-both"], device="cpu")
    for language, mark in (("eng", "eng_Latn"), ("deu", "deu_Latn")):
        assert encoder.tokenizer(language)(TEXT).tokens()[0] == mark
    assert np.isfinite(encoder.encode(TEXT, "deu", align=True)).all()


def test_trimming_keeps_the_tags_vector(sonar: Path, tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, sonar, phases=["vocabulary", "se"])
    base = load_base(recipe.base)
    stage1.Stage1(recipe, "deu").make(base)
    module = LanguageModule.load(tmp_path / "deu")
    assert module.tokenizer is not None
    assert module.embeddings is not None
    row, own = (tokenizer.get_vocab()["deu_Latn"] for tokenizer in (module.tokenizer, base.tokenizer))
    torch.testing.assert_close(module.embeddings[row].float(), base.own_embeddings[own], atol=1e-3, rtol=0)


def test_relatives_are_marked_each_with_its_own_language_and_the_teacher_with_the_pivots(
    sonar: Path, tmp_path: Path, seen: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    honest = ModularEncoder.encode

    def encode(self: ModularEncoder, *args: Any, **options: Any) -> Any:
        asked.append(options.get("base_language"))
        return honest(self, *args, **options)

    monkeypatch.setattr(ModularEncoder, "encode", encode)
    relations = {"path": str(SAMPLE), "limit": 40, "columns": ["{pivot}", "{language}"]}
    related = SHORT | {"objective": "relational", "relations": relations, "related": ["tur"]}
    recipe = recipe_of(
        tmp_path,
        sonar,
        phases=["vocabulary", "se"],
        pivot="kaz",
        languages=["deu"],
        vocabulary={"strategy": "keep"},
        se=related,
    )
    base = load_base(recipe.base)
    stage1.Stage1(recipe, "deu").make(base)
    vocabulary = base.tokenizer.get_vocab()
    assert seen == {vocabulary["deu_Latn"], vocabulary["tur_Latn"]}
    assert set(asked) == {"kaz"}


def run_monolithic(folder: Path, base: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Path:
    """Train full mono and full mono+cross of English and German; returns their folder."""
    fast = {"training": training(steps=2, use_cpu=True, learning_rate=1e-2)}
    values = {"languages": ["eng", "deu"], "la": SHORT, "se": SHORT, "cla": SHORT, "full": fast} | changes
    recipe = write_recipe(folder / "recipe.yaml", base, folder, **values)
    monkeypatch.setattr("sys.argv", ["monolithic.py", "--recipe", str(recipe)])
    monolithic.main()
    return folder / "monolithic"


def test_a_monolithic_baseline_marks_each_side_with_its_language(
    sonar: Path, tmp_path: Path, seen: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_monolithic(tmp_path, sonar, monkeypatch)
    vocabulary = plain_tokenizer(tagged_tokenizer()).get_vocab()
    assert seen == {vocabulary["eng_Latn"], vocabulary["deu_Latn"]}


@pytest.fixture
def projected(base_folders: Callable[[str], Path], tmp_path: Path) -> Path:
    """A base with a prompt and dense layers, whose vectors are narrower than its transformer."""
    options: dict[str, Any] = {"prompts": {"sts": "Satz: "}, "dense": [40, 20], "pooling": "cls"}
    write_sentence_transformer(base_folders("bert"), tmp_path / "base", **options)
    return tmp_path / "base"


def test_modules_are_trained_through_dense_layers_that_stand_still(projected: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    recipe = recipe_of(tmp_path, projected)
    base = load_base(recipe.base)
    assert base.dense is not None
    before = [parameter.clone() for parameter in base.dense.parameters()]
    for language in ("eng", "deu"):
        stage1.Stage1(recipe, language).make(base)
    stage2.Stage2(recipe, "deu", "both").make(base)
    assert all(bool((old == new).all()) for old, new in zip(before, base.dense.parameters(), strict=True))
    encoder = ModularEncoder(modules=[tmp_path / "eng", tmp_path / "deu", tmp_path / "deu-eng-both"], device="cpu")
    texts = sample_sentences("deu")[:4]
    vectors = encoder.encode(texts, "deu")
    assert vectors.shape == (4, 20)
    assert np.abs(vectors - encoder.encode(texts, "deu", align=True)).max() > 1e-5
    manifest = encoder.manifest("deu")
    assert (manifest.dimension, manifest.prompt, manifest.pooling) == (20, "Satz: ", "cls")
    merged = SentenceTransformer(str(export_merged(encoder, "deu", tmp_path / "merged")), device="cpu")
    np.testing.assert_allclose(merged.encode(texts), vectors, atol=1e-5)


def test_a_monolithic_baseline_trains_the_dense_layers_and_keeps_them(
    projected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = load_base(projected)
    assert start.dense is not None
    folder = run_monolithic(tmp_path, projected, monkeypatch)
    for name in ("full_mono", "full_mono_cross"):  # the second starts from the first
        base = load_base(folder / name)
        assert (base.prompt, base.pooling, base.dimension, base.max_length) == ("Satz: ", "cls", 20, 24)
        assert base.dense is not None
        pairs = zip(base.dense.parameters(), start.dense.parameters(), strict=True)
        assert all(bool((new != old).any()) for new, old in pairs)
        start = base
