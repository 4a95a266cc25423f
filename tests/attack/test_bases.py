"""A base whose config.json is nonsense or out of proportion to its weights is refused before it is built."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters_hub import load_base
from adapters_hub.base import BaseEncoder
from adapters_hub.errors import BaseEncoderError
from tests.adapters_hub.builders import edit_json
from tests.adapters_hub.conftest import Bases
from tests.conftest import ARCHITECTURES

LAYERS = {"m2m_100": "encoder_layers"}


def _hostile(base: BaseEncoder, folder: Path, **changes: Any) -> Path:
    shutil.copytree(base.checkpoint, folder)
    edit_json(folder / "config.json", **changes)
    return folder


def _refused(folder: Path, words: str) -> None:
    with pytest.raises(BaseEncoderError, match=words) as caught:
        load_base(folder)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_one_that_asks_for_more_than_it_has(bases: Bases, tmp_path: Path, architecture: str) -> None:
    base = bases(architecture)
    for number, (changes, words) in enumerate(
        [
            ({LAYERS.get(architecture, "num_hidden_layers"): 10**6}, "expected a number up to 512"),
            ({"vocab_size": 1 << 22}, "describes [0-9,]+ weights, but its files have"),
        ]
    ):
        _refused(_hostile(base, tmp_path / str(number), **changes), words)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 1 << 19, "intermediate_size": 1 << 19},
        {"max_position_embeddings": 10**9},
        {"num_attention_heads": 0},
        {"num_attention_heads": "2"},
        {"hidden_size": 10**400},
        {"num_hidden_layers": True},
        {"num_hidden_layers": -1},
        {"vocab_size": [1]},
        {"hidden_act": "nothing"},
        {"hidden_act": {"a": 1}},
        {"quantization_config": {"load_in_4bit": True, "quant_method": "bitsandbytes"}},
        {"model_type": ["bert"]},
        {"layer_norm_eps": "small"},
    ],
    ids=str,
)
def test_one_with_a_value_that_is_none(bases: Bases, tmp_path: Path, changes: dict[str, Any]) -> None:
    _refused(_hostile(bases("bert"), tmp_path / "base", **changes), "base encoder")


def _nested(folder: Path) -> None:
    (folder / "config.json").write_text('{"a":' * 50_000 + "1" + "}" * 50_000, encoding="utf-8")


def _adapter_of_another(folder: Path) -> None:
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/other"}), encoding="utf-8")


def _list(folder: Path) -> None:
    (folder / "config.json").write_text("[]", encoding="utf-8")


@pytest.mark.parametrize("damage", [_nested, _adapter_of_another, _list])
def test_one_with_other_files(bases: Bases, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    folder = _hostile(bases("bert"), tmp_path / "base")
    damage(folder)
    _refused(folder, "base encoder")
