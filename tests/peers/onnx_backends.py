"""The check of sentence-transformers' ONNX backend, optimum and fastembed, without this library."""

from __future__ import annotations

import sys

import numpy as np
import sentence_transformers
from common import FOLDER, SENTENCES, VECTORS, absent, agree
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from optimum.onnxruntime import ORTModelForFeatureExtraction
from sentence_transformers import SentenceTransformer

absent("adapters_hub")
sys.stdout.write(f"sentence-transformers {sentence_transformers.__version__}\n")

for name, expected in (("onnx", "deu"), ("onnx-aligned", "deu-aligned")):
    folder = FOLDER / name
    model = SentenceTransformer(str(folder), backend="onnx", device="cpu")
    agree(f"SentenceTransformer({name}, backend='onnx')", model.encode(SENTENCES["deu"]), expected)
    batch = model.tokenizer(["Frage: " + SENTENCES["deu"][0]], return_tensors="np")
    loaded = ORTModelForFeatureExtraction.from_pretrained(folder, subfolder="onnx")
    hidden = loaded(**batch).last_hidden_state
    sys.stdout.write(f"ORTModelForFeatureExtraction({name}): last_hidden_state {hidden.shape}\n")
    TextEmbedding.add_custom_model(
        model=f"local/{name}",
        pooling=PoolingType.DISABLED,
        normalization=False,
        sources=ModelSource(hf=f"local/{name}"),
        dim=VECTORS[expected].shape[1],
        model_file="onnx/model.onnx",
        output_name="sentence_embedding",
    )
    embed = TextEmbedding(f"local/{name}", specific_model_path=str(folder))
    vectors = np.stack(list(embed.embed(["Frage: " + text for text in SENTENCES["deu"]])))
    agree(f"fastembed({name}), sentence_embedding", vectors, expected)
