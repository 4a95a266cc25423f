"""Encoders made from decoders pad on the left, our passes pad on the right: the vectors are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch.nn.functional import normalize
from transformers import AutoModel, AutoTokenizer

from adapters_hub import ModularEncoder
from adapters_hub.base import plain_tokenizer
from adapters_hub.encoder import prompt_length
from tests.adapters_hub.conftest import Bases
from tests.conftest import OWN_TOKENIZERS

LEFT = tuple(OWN_TOKENIZERS)
POOLED_BY = {"qwen3": "lasttoken", "gemma3_text": "mean"}


@pytest.mark.parametrize("architecture", LEFT)
def test_vectors_are_those_of_transformers_with_its_padding_on_the_left(
    bases: Bases, base_folders: Callable[[str], Path], german: list[str], architecture: str
) -> None:
    folder = base_folders(architecture)
    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(german, padding=True, return_tensors="pt")
    mask = batch["attention_mask"]
    assert tokenizer.padding_side == "left"
    assert not mask[:, 0].all()
    assert mask[:, -1].all()
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    pooled = hidden[:, -1] if architecture == "qwen3" else (hidden * mask[..., None]).sum(1) / mask.sum(1)[:, None]
    found = ModularEncoder(bases(architecture).copy(), device="cpu").encode(german, None)
    np.testing.assert_allclose(found, normalize(pooled, dim=-1).numpy(), atol=1e-5)


@pytest.mark.parametrize("architecture", LEFT)
def test_vectors_are_those_of_sentence_transformers(
    bases: Bases, base_folders: Callable[[str], Path], german: list[str], tmp_path: Path, architecture: str
) -> None:
    kinds = ("base.modules.transformer.Transformer", "sentence_transformer.modules.pooling.Pooling")
    entries = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.{kind}"}
        for number, (path, kind) in enumerate(zip(("", "1_Pooling"), kinds, strict=True))
    ]
    folder = tmp_path / "model"
    AutoModel.from_pretrained(base_folders(architecture)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base_folders(architecture)).save_pretrained(folder)
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "1_Pooling").mkdir()
    pooling = {"embedding_dimension": 32, "pooling_mode": POOLED_BY[architecture]}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    expected = SentenceTransformer(str(folder), device="cpu").encode(german, normalize_embeddings=True)
    found = ModularEncoder(bases(architecture).copy(), device="cpu").encode(german, None)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("architecture", LEFT)
def test_a_sentence_that_is_cut_keeps_its_last_token(bases: Bases, german: list[str], architecture: str) -> None:
    tokenizer = bases(architecture).tokenizer
    end = "<|endoftext|>" if architecture == "qwen3" else "<eos>"
    long, short = (tokenizer(text, truncation=True, max_length=12)["input_ids"] for text in (" ".join(german), "Ja."))
    assert len(long) == 12 > len(short)
    assert tokenizer.convert_ids_to_tokens([long[-1], short[-1]]) == [end, end]
    assert long[:-1] == tokenizer(" ".join(german))["input_ids"][:11]


@pytest.mark.parametrize("architecture", LEFT)
def test_the_prompt_has_the_tokens_that_stay_whatever_follows(
    bases: Bases, german: list[str], architecture: str
) -> None:
    tokenizer, prompt = bases(architecture).tokenizer, "Frage: "
    length = prompt_length(tokenizer, prompt)
    assert length > (architecture == "gemma3_text")
    first, *others = (tokenizer(prompt + text)["input_ids"][:length] for text in german)
    assert all(other == first for other in others)
    assert tokenizer.decode(first, skip_special_tokens=True) == "Frage:"


@pytest.mark.parametrize("architecture", LEFT)
def test_a_tokenizer_keeps_its_side(bases: Bases, tmp_path: Path, architecture: str) -> None:
    plain_tokenizer(bases(architecture).tokenizer).save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).padding_side == "left"
