"""A base's fingerprint covers its transformer and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from adapters_hub import load_base
from adapters_hub.base import fingerprint
from tests.adapters_hub.builders import edit_json
from tests.adapters_hub.conftest import Bases
from tests.conftest import ARCHITECTURES, write_base


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_copy_elsewhere_has_the_same_fingerprint(
    bases: Bases, base_folders: Callable[[str], Path], tmp_path: Path, architecture: str
) -> None:
    copy = shutil.copytree(base_folders(architecture), tmp_path / "elsewhere")
    assert load_base(copy).fingerprint == bases(architecture).fingerprint


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_weight_of_the_transformer_counts_and_token_embeddings_do_not(bases: Bases, architecture: str) -> None:
    base = bases(architecture).copy()
    for name, tensor in base.backbone.state_dict().items():
        kept = tensor.flatten()[-1].clone()
        tensor.flatten()[-1] += 1
        changed = fingerprint(base.backbone, base.architecture) != base.fingerprint
        assert changed == (not name.startswith(base.architecture.token_embeddings)), name
        tensor.flatten()[-1] = kept
    assert fingerprint(base.backbone, base.architecture) == base.fingerprint


def test_another_vocabulary_size_is_the_same_base(bases: Bases) -> None:
    base = bases("bert").copy()
    base.backbone.resize_token_embeddings(50)
    assert fingerprint(base.backbone, base.architecture) == base.fingerprint


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("bert", {"layer_norm_eps": 1e-5}),
        ("bert", {"num_attention_heads": 4}),
        ("xlm-roberta", {"hidden_act": "relu"}),
        ("modernbert", {"local_attention": 16}),
        ("modernbert", {"norm_eps": 1e-4}),
        ("m2m_100", {"scale_embedding": False}),
        ("m2m_100", {"activation_function": "gelu"}),
        ("qwen3", {"rms_norm_eps": 1e-2}),
        ("qwen3", {"rope_parameters": {"rope_type": "default", "rope_theta": 100.0}}),
        ("qwen3", {"use_sliding_window": True, "sliding_window": 4, "layer_types": ["sliding_attention"] * 2}),
        ("gemma3_text", {"use_bidirectional_attention": False}),
        ("gemma3_text", {"sliding_window": 8}),
        ("gemma3_text", {"query_pre_attn_scalar": 16}),
        ("gemma3_text", {"layer_types": ["full_attention"] * 2}),
    ],
)
def test_a_setting_that_changes_what_is_computed_changes_the_fingerprint(
    bases: Bases,
    base_folders: Callable[[str], Path],
    tmp_path: Path,
    architecture: str,
    changes: dict[str, object],
) -> None:
    copy = shutil.copytree(base_folders(architecture), tmp_path / "copy")
    edit_json(copy / "config.json", **changes)
    other = load_base(copy)
    assert other.fingerprint != bases(architecture).fingerprint
    ids = torch.arange(5, 40)[None]
    with torch.no_grad():
        before = bases(architecture).backbone(input_ids=ids).last_hidden_state
        assert not torch.equal(other.backbone(input_ids=ids).last_hidden_state, before)


def test_settings_of_training_do_not_change_the_fingerprint(
    bases: Bases, base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    copy = shutil.copytree(base_folders("bert"), tmp_path / "copy")
    edit_json(copy / "config.json", hidden_dropout_prob=0.3, initializer_range=0.5, use_cache=False)
    assert load_base(copy).fingerprint == bases("bert").fingerprint


def test_another_seed_is_another_base(bases: Bases, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    other = load_base(write_base(tmp_path / "other", "bert", tokenizer, seed=1))
    assert other.fingerprint != bases("bert").fingerprint
