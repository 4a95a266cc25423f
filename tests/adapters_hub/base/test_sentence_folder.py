"""Bases from SentenceTransformer folders: vectors equal to that library's, and what is refused."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from adapters_hub import BaseEncoder, BaseEncoderError, ModularEncoder, load_base
from adapters_hub.bridges import export_composed, export_merged, export_onnx
from adapters_hub.bridges.onnx_encoder import OnnxEncoder
from adapters_hub.format import WITHOUT_PROMPT
from tests.adapters_hub.base.sentence_folders import write_sentence_transformer
from tests.adapters_hub.builders import edit_json, make_adapter, make_language
from tests.conftest import build_tokenizer, sample_sentences, write_base

Bases = Callable[[str], Path]
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "mean": ("bert", {}),
    "cls and tanh, as LaBSE": ("bert", {"pooling": "cls", "dense": [24]}),
    "mean and two, as EmbeddingGemma": ("modernbert", {"dense": [48, 20], "activation": torch.nn.Identity()}),
    "gelu, not normalised": ("xlm-roberta", {"dense": [32], "activation": torch.nn.GELU(), "normalize": False}),
    "default prompt": (
        "bert",
        {"prompts": {"query": "Frage: ", "sts": "Satz: "}, "default_prompt_name": "query", "pooling": "cls"},
    ),
    "last token": ("qwen3", {"pooling": "lasttoken"}),
}


@pytest.fixture
def texts() -> list[str]:
    """Sentences of different lengths; the last one is cut."""
    return [*sample_sentences("deu")[:9], "Ja.", " ".join(sample_sentences("kaz")[:9])]


@pytest.mark.parametrize("variant", VARIANTS)
def test_vectors_are_those_of_sentence_transformers(
    base_folders: Bases, tmp_path: Path, texts: list[str], variant: str
) -> None:
    architecture, options = VARIANTS[variant]
    model = write_sentence_transformer(base_folders(architecture), tmp_path / "base", **options)
    encoder = ModularEncoder(load_base(tmp_path / "base"), device="cpu")
    expected = model.encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(texts, None), expected, atol=1e-5)
    assert encoder.max_length(None) == 24
    assert encoder.dimension == model.get_embedding_dimension()
    assert encoder.base.as_it_comes


def test_the_prompt_is_left_out_of_the_mean_where_the_folder_says_so(tmp_path: Path, texts: list[str]) -> None:
    bare = write_base(tmp_path / "bare", "bert", build_tokenizer("wordpiece"))
    options: dict[str, Any] = {"prompts": {"query": "Frage: "}, "default_prompt_name": "query"}
    model = write_sentence_transformer(bare, tmp_path / "base", include_prompt=False, **options)
    base = load_base(tmp_path / "base")
    assert base.pooling == WITHOUT_PROMPT
    found = ModularEncoder(base, device="cpu").encode(texts, None)
    np.testing.assert_allclose(found, model.encode(texts), atol=1e-5)


def test_the_old_keys_of_pooling_are_understood(base_folders: Bases, tmp_path: Path) -> None:
    write_sentence_transformer(base_folders("bert"), tmp_path / "base")
    path = tmp_path / "base" / "1_Pooling" / "config.json"
    for key, pooling in (("cls_token", "cls"), ("mean_tokens", "mean"), ("lasttoken", "last")):
        old = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False} | {f"pooling_mode_{key}": True}
        path.write_text(json.dumps(old), encoding="utf-8")
        assert load_base(tmp_path / "base").pooling == pooling


@pytest.mark.parametrize(
    ("prompts", "default", "expected"),
    [
        ({"query": "q: ", "passage": "p: "}, None, "q: "),
        ({"Retrieval-query": "r: ", "STS": "s: ", "document": "d: "}, None, "s: "),
        ({"query": "q: ", "document": ""}, None, ""),
        ({"query": "q: ", "passage": "p: "}, "passage", "p: "),
        ({}, None, ""),
    ],
)
def test_the_prompt_is_the_default_one_or_one_that_suits_both_sides(
    base_folders: Bases,
    tmp_path: Path,
    prompts: dict[str, str],
    default: str | None,
    expected: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = {"prompts": prompts, "default_prompt_name": default}
    write_sentence_transformer(base_folders("bert"), tmp_path / "base", **options)
    with caplog.at_level(logging.INFO, "adapters_hub.base"):
        assert load_base(tmp_path / "base").prompt == expected
    assert len([record for record in caplog.records if "has the prompts" in record.message]) == bool(prompts)
    told = load_base(tmp_path / "base", prompt="other: ", pooling="cls", max_length=7)
    assert (told.prompt, told.pooling, told.max_length, told.as_it_comes) == ("other: ", "cls", 7, False)


def test_a_base_without_prompts_of_its_own_gets_that_of_its_family(base_folders: Bases, tmp_path: Path) -> None:
    write_sentence_transformer(base_folders("bert"), tmp_path / "multilingual-e5-small")
    base = load_base(tmp_path / "multilingual-e5-small")
    assert (base.prompt, base.pooling, base.max_length) == ("query: ", "mean", 24)


def test_text_is_lower_cased_where_the_folder_says_so(base_folders: Bases, tmp_path: Path, texts: list[str]) -> None:
    write_sentence_transformer(base_folders("bert"), tmp_path / "base")
    upper = [text.upper() for text in texts]
    before = ModularEncoder(load_base(tmp_path / "base"), device="cpu")
    assert np.abs(before.encode(upper, None) - before.encode(texts, None)).max() > 0.1
    edit_json(tmp_path / "base" / "sentence_bert_config.json", do_lower_case=True)
    after = ModularEncoder(load_base(tmp_path / "base"), device="cpu")
    lowered = [text.lower() for text in texts]
    np.testing.assert_array_equal(after.encode(upper, None), after.encode(lowered, None))


def test_dense_layers_are_part_of_the_fingerprint_and_a_base_without_them_keeps_its_own(
    base_folders: Bases, tmp_path: Path
) -> None:
    bare = load_base(base_folders("bert"))
    write_sentence_transformer(base_folders("bert"), tmp_path / "plain")
    write_sentence_transformer(base_folders("bert"), tmp_path / "tanh", dense=[24])
    write_sentence_transformer(base_folders("bert"), tmp_path / "relu", dense=[24], activation=torch.nn.ReLU())
    plain, tanh, relu = (load_base(tmp_path / name) for name in ("plain", "tanh", "relu"))
    assert plain.fingerprint == bare.fingerprint
    assert len({plain.fingerprint, tanh.fingerprint, relu.fingerprint}) == 3
    assert (tanh.width, tanh.dimension) == (32, 24)


@pytest.fixture
def projected(base_folders: Bases, tmp_path: Path) -> BaseEncoder:
    """A base whose vectors are narrower than its transformer."""
    options: dict[str, Any] = {"prompts": {"sts": "Satz: "}, "dense": [40, 20]}
    write_sentence_transformer(base_folders("bert"), tmp_path / "base", **options)
    return load_base(tmp_path / "base")


def test_modules_on_it_are_exported_with_its_dense_layers(
    projected: BaseEncoder, tmp_path: Path, texts: list[str]
) -> None:
    from sentence_transformers import SentenceTransformer

    deu = make_language(projected, tmp_path / "deu", "deu", 1)
    eng = make_language(projected, tmp_path / "eng", "eng", 2)
    both = make_adapter(projected, tmp_path / "deu-eng-both", ("both", deu, eng), 3)
    folders = [deu.folder, eng.folder, both.folder]
    encoder = ModularEncoder(projected.copy(), folders, device="cpu")
    expected = encoder.encode(texts, "deu")
    assert expected.shape == (len(texts), 20)
    merged = SentenceTransformer(str(export_merged(encoder, "deu", tmp_path / "merged")), device="cpu")
    np.testing.assert_allclose(merged.encode(texts), expected, atol=1e-5)
    aligned = encoder.encode(texts, "deu", align=True)
    onnx = OnnxEncoder(export_onnx(encoder, "deu", tmp_path / "onnx", align=True))
    np.testing.assert_allclose(onnx.encode(texts), aligned, atol=1e-4)
    shutil.rmtree(tmp_path / "base")  # the composed folder contains its own base
    composed = export_composed(encoder, ["deu"], tmp_path / "composed", include_base=True)
    loaded = SentenceTransformer(str(composed), trust_remote_code=True, device="cpu")
    np.testing.assert_allclose(loaded.encode(texts, align=True), aligned, atol=1e-5)


def test_a_merged_export_is_a_base_again(projected: BaseEncoder, tmp_path: Path, texts: list[str]) -> None:
    deu = make_language(projected, tmp_path / "deu", "deu", 1)
    encoder = ModularEncoder(projected.copy(), [deu.folder], device="cpu")
    again = ModularEncoder(load_base(export_merged(encoder, "deu", tmp_path / "merged")), device="cpu")
    np.testing.assert_allclose(again.encode(texts, None), encoder.encode(texts, "deu"), atol=1e-5)


def test_vectors_in_half_precision_go_through_the_dense_layers_too(projected: BaseEncoder, texts: list[str]) -> None:
    exact = ModularEncoder(projected.copy(), device="cpu").encode(texts, None)
    half = ModularEncoder(projected.copy(), device="cpu", dtype=torch.bfloat16).encode(texts, None)
    assert np.abs(exact - half).max() < 0.05


def _modules(folder: Path, *kinds: str) -> None:
    entries = [
        {"idx": i, "name": str(i), "path": "" if not i else f"{i}_x", "type": kind} for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(entries), encoding="utf-8")


def _foreign_module(folder: Path) -> None:
    _modules(folder, "sentence_transformers.models.Transformer", "own_code.Attention")


def _lstm(folder: Path) -> None:
    _modules(folder, *(f"sentence_transformers.models.{kind}" for kind in ("Transformer", "LSTM", "Pooling")))


def _wrong_order(folder: Path) -> None:
    _modules(folder, *(f"sentence_transformers.models.{kind}" for kind in ("Transformer", "Dense", "Pooling")))


def _no_list(folder: Path) -> None:
    (folder / "modules.json").write_text('{"a": 1}', encoding="utf-8")


def _climbing(folder: Path) -> None:
    path = folder / "modules.json"
    path.write_text(path.read_text(encoding="utf-8").replace("2_Dense", "../2_Dense"), encoding="utf-8")


def _weighted_mean(folder: Path) -> None:
    edit_json(folder / "1_Pooling" / "config.json", pooling_mode="weightedmean")


def _two_poolings(folder: Path) -> None:
    edit_json(folder / "1_Pooling" / "config.json", pooling_mode=["cls", "mean"])


def _cls_without_prompt(folder: Path) -> None:
    edit_json(folder / "1_Pooling" / "config.json", pooling_mode="cls", include_prompt=False)


def _pickled(folder: Path) -> None:
    path = folder / "2_Dense" / "model.safetensors"
    torch.save(load_file(path), path.with_name("pytorch_model.bin"))
    path.unlink()


def _own_activation(folder: Path) -> None:
    edit_json(folder / "2_Dense" / "config.json", activation_function="os.system")


def _residual(folder: Path) -> None:
    edit_json(folder / "2_Dense" / "config.json", use_residual=True)


def _of_another_width(folder: Path) -> None:
    edit_json(folder / "2_Dense" / "config.json", in_features=31)


def _of_another_size(folder: Path) -> None:
    edit_json(folder / "2_Dense" / "config.json", out_features=25)


def _no_json(folder: Path) -> None:
    (folder / "2_Dense" / "config.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_foreign_module, "type 'own_code.Attention'; supported are Transformer, Pooling, Dense layers, Normalize"),
        (_lstm, "type 'sentence_transformers.models.LSTM'; supported"),
        (_wrong_order, "the modules Transformer, Dense, Pooling; expected Transformer, Pooling"),
        (_no_list, "not a list of modules"),
        (_climbing, "leaves the module folder"),
        (_weighted_mean, f"pools by weightedmean; supported are mean, {WITHOUT_PROMPT}, cls, last"),
        (_two_poolings, "pools by cls and mean; supported"),
        (_cls_without_prompt, "pools by cls without the prompt; supported"),
        (_pickled, "2_Dense .* has no model.safetensors .a pickle is never read.*save it again"),
        (_own_activation, "activation 'os.system'; supported are Identity, Tanh"),
        (_residual, "residual"),
        (_of_another_width, "weights that config.json beside it describes|takes vectors of 31 dimensions, but gets 32"),
        (_of_another_size, "does not hold the weights that config.json beside it describes"),
        (_no_json, "cannot be read"),
    ],
)
def test_what_cannot_be_computed_is_refused_in_one_line(
    base_folders: Bases, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    write_sentence_transformer(base_folders("bert"), tmp_path / "base", dense=[24])
    damage(tmp_path / "base")
    with pytest.raises(BaseEncoderError, match=words) as caught:
        load_base(tmp_path / "base")
    assert "\n" not in str(caught.value)


def test_a_pooling_that_is_not_supported_gives_way_to_one_that_is_told(base_folders: Bases, tmp_path: Path) -> None:
    write_sentence_transformer(base_folders("bert"), tmp_path / "base", pooling="max")
    assert load_base(tmp_path / "base", pooling="mean").pooling == "mean"


def test_a_repo_in_the_hubs_cache_is_read_like_a_folder(
    base_folders: Bases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789" * 4
    repo = tmp_path / "models--org--projected"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit, encoding="utf-8")
    snapshot = repo / "snapshots" / commit
    write_sentence_transformer(base_folders("bert"), snapshot, dense=[24], prompts={"sts": "Satz: "})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found, here = load_base("org/projected"), load_base(snapshot)
    assert (found.hub_id, found.revision) == ("org/projected", commit)
    for name in ("fingerprint", "prompt", "prompts", "pooling", "max_length"):
        assert getattr(found, name) == getattr(here, name)
    assert found.dimension == 24
    assert (found.prompt, found.max_length) == ("Satz: ", 24)
