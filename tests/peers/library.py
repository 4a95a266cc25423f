"""The check with the wheel and its extra `bridges` installed, and nothing of the repository."""

from __future__ import annotations

import sys

import mteb
from common import FOLDER, SENTENCES, absent, agree
from sentence_transformers import SentenceTransformer
from tasks import scores

from adapters_hub import ModularEncoder
from adapters_hub.bridges import MTEBEncoder, OnnxEncoder

absent("trainer", "eval", "demo", "gradio", "pytest", "peft")

model = SentenceTransformer(str(FOLDER / "composed"), trust_remote_code=True, device="cpu")
agree("SentenceTransformer(composed)", model.encode(SENTENCES["deu"]), "deu")
agree("… language='eng'", model.encode(SENTENCES["eng"], language="eng"), "eng")
agree("… align=True", model.encode(SENTENCES["deu"], align=True), "deu-aligned")
agree("… half()", model.half().encode(SENTENCES["deu"]), "deu", tolerance=0.05)
agree("… float()", model.float().encode(SENTENCES["deu"]), "deu")

agree("OnnxEncoder(onnx-aligned)", OnnxEncoder(FOLDER / "onnx-aligned").encode(SENTENCES["deu"]), "deu-aligned")

modules = [FOLDER / "modules" / name for name in ("eng", "deu", "deu-eng-both")]
encoder = ModularEncoder(FOLDER / "base", modules, device="cpu")
MTEBEncoder(encoder, name="example-org/modular").register()
registered = mteb.get_model("example-org/modular")
sys.stdout.write(f"mteb.get_model: {registered.mteb_model_meta.languages}, {scores(registered)}\n")
