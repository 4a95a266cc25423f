"""The check of sentence-transformers, transformers with PEFT, ONNX Runtime and MTEB, without this library."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnxruntime
import torch
from common import FOLDER, SENTENCES, absent, agree
from peft import PeftModel
from sentence_transformers import SentenceTransformer
from tasks import scores
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer

absent("adapters_hub")

merged = SentenceTransformer(str(FOLDER / "merged"), device="cpu")
agree("SentenceTransformer(merged)", merged.encode(SENTENCES["deu"]), "deu")
agree("… encode_query", merged.encode_query(SENTENCES["deu"]), "deu")

tokenizer, model = AutoTokenizer.from_pretrained(FOLDER / "merged"), AutoModel.from_pretrained(FOLDER / "merged")
batch = tokenizer(["Frage: " + text for text in SENTENCES["deu"]], padding=True, truncation=True, return_tensors="pt")


def mean(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Unit vectors of the mean over the tokens."""
    return torch.nn.functional.normalize((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)


with torch.inference_mode():
    agree("AutoModel(merged), mean pooling", mean(model(**batch).last_hidden_state, batch["attention_mask"]), "deu")

# English keeps the base's vocabulary, so its two LoRAs, one on top of the other, are the whole module.
base = AutoModel.from_pretrained(FOLDER / "base", add_pooling_layer=False)
peft = PeftModel.from_pretrained(base, FOLDER / "modules/eng/language_adapter", adapter_name="language")
peft.load_adapter(FOLDER / "modules/eng/sentence_adapter", adapter_name="sentence")
peft.base_model.set_adapter(["language", "sentence"])
batch = AutoTokenizer.from_pretrained(FOLDER / "base")(
    SENTENCES["eng"], padding=True, truncation=True, max_length=64, return_tensors="pt"
)
with torch.inference_mode():
    agree("PeftModel(language + sentence LoRA)", mean(peft(**batch).last_hidden_state, batch["attention_mask"]), "eng")

for name, expected in (("onnx", "deu"), ("onnx-aligned", "deu-aligned")):
    folder = FOLDER / name
    AutoConfig.from_pretrained(folder)
    cut = Tokenizer.from_file(str(folder / "tokenizer.json"))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    cut.enable_truncation(settings["model_max_length"])
    cut.enable_padding(pad_id=cut.token_to_id(settings["pad_token"]), pad_token=settings["pad_token"])
    rows = cut.encode_batch(["Frage: " + text for text in SENTENCES["deu"]])
    feed = {
        "input_ids": np.array([row.ids for row in rows], np.int64),
        "attention_mask": np.array([row.attention_mask for row in rows], np.int64),
    }
    session = onnxruntime.InferenceSession(folder / "onnx/model.onnx", providers=["CPUExecutionProvider"])
    (vectors,) = session.run(["sentence_embedding"], feed)
    agree(f"onnxruntime({name}), sentence_embedding", vectors, expected)

sys.stdout.write(f"mteb.evaluate(SentenceTransformer(merged)): {scores(merged)}\n")
