"""The paper's recipe end to end, on tiny bases of the kinds that the paper uses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer
from transformers import NllbTokenizer

from adapters_hub import ModularEncoder, load_base
from tests.conftest import SAMPLE, build_tokenizer, write_base
from tests.trainer.runs.launch import STAGE1, STAGE2, Stages, manifest
from trainer.settings import RECIPES

TEXTS = ["Guten Morgen!", "Der Hund bellt laut vor dem Haus."]


def like_labse(folder: Path, plain: Path) -> Path:
    """BERT with CLS pooling, a dense layer and normalisation, as a sentence-transformers folder."""
    modules = [Transformer(str(plain)), Pooling(32, "cls"), Dense(32, 24), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder))
    return folder


def like_e5(folder: Path, plain: Path) -> Path:
    """XLM-R whose name marks it as a member of the e5 family."""
    named = folder.with_name("multilingual-e5-base")
    named.symlink_to(plain)
    return named


def like_sonar(folder: Path, plain: Path) -> Path:
    """An M2M100 encoder whose tokenizer puts a language tag into every sequence."""
    pieces = json.loads(Tokenizer.to_str(build_tokenizer("bpe", 600).backend_tokenizer))["model"]
    tags = ["eng_Latn", "deu_Latn", "kaz_Cyrl"]
    merges = [tuple(pair) for pair in pieces["merges"]]
    tokenizer = NllbTokenizer(vocab=pieces["vocab"], merges=merges, extra_special_tokens=tags, src_lang="eng_Latn")
    return write_base(folder, "m2m_100", tokenizer)


def write_data(folder: Path) -> None:
    """Write a folder like those of `trainer/prepare.py`, from the sample data."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:60]
    columns = {code: [code, f"{code}_paraphrase", f"{code}_negative"] for code in ("eng", "deu")}
    tables = {f"paraphrase/{code}.tsv": names for code, names in columns.items()}
    tables |= {f"mono/{code}.txt": [code] for code in columns}
    tables |= {"parallel/eng-deu.tsv": ["eng", "deu"], "cross-paraphrase/eng-deu.tsv": columns["eng"] + columns["deu"]}
    for name, wanted in tables.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join("\t".join(row[column] for column in wanted) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("architecture", "make", "prompt", "dimension"),
    [("bert", like_labse, "", 24), ("xlm-roberta", like_e5, "query: ", 32), ("m2m_100", like_sonar, "", 32)],
)
def test_the_papers_recipe_runs_on_each_of_its_bases(
    architecture: str,
    make: Callable[[Path, Path], Path],
    prompt: str,
    dimension: int,
    base_folders: Callable[[str], Path],
    stages: Stages,
    tmp_path: Path,
) -> None:
    base = make(tmp_path / "base", base_folders(architecture))
    write_data(tmp_path / "data")
    data = tmp_path / "data"
    options = ["--recipe", RECIPES / "paper.yaml", "--base", base, "--output_dir", tmp_path / "out"]
    options += ["--languages", "eng,deu", "--vocabulary.size", "500", "--vocabulary.auxiliary_min_count", "1"]
    options += ["--vocabulary.auxiliary_buckets", "2000"]  # filling millions of them takes most of the time
    options += ["--la.data.path", data / "mono" / "{language}.txt", "--la.max_length", "48"]
    options += ["--se.data.path", data / "paraphrase" / "{language}.tsv"]
    options += ["--cla.paraphrase.path", data / "cross-paraphrase" / "{pivot}-{language}.tsv"]
    options += ["--cla.parallel.path", data / "parallel" / "{pivot}-{language}.tsv"]
    for phase in ("la", "se", "cla"):
        options += [f"--{phase}.training.max_steps", "2", f"--{phase}.training.per_device_train_batch_size", "8"]
    stages.run(STAGE1, *options).ok()
    stages.run(STAGE2, *options).ok()

    german = manifest(tmp_path / "out" / "deu")
    assert german["components"] == ["vocabulary", "language_adapter", "sentence_adapter"]
    assert german["vocabulary"]["strategy"] == "focus"
    assert (german["prompt"], german["dimension"]) == (prompt, dimension)
    assert manifest(tmp_path / "out" / "deu-eng-both")["training"]["phases"]["cla"]["steps"] == 2
    modules = [tmp_path / "out" / name for name in ("eng", "deu", "deu-eng-both")]
    encoder = ModularEncoder(load_base(str(base)), modules)
    own, aligned = encoder.encode(TEXTS, "deu"), encoder.encode(TEXTS, "deu", align=True)
    assert own.shape == (2, dimension)
    assert np.isfinite(aligned).all()
    assert np.abs(own - aligned).max() > 1e-6
    if architecture == "m2m_100":
        tokens = [
            json.loads((tmp_path / "out" / code / "tokenizer.json").read_text(encoding="utf-8"))["post_processor"]
            for code in ("eng", "deu")
        ]
        for processor, tag, other in zip(tokens, ("eng_Latn", "deu_Latn"), ("deu_Latn", "eng_Latn"), strict=True):
            assert tag in json.dumps(processor)
            assert other not in json.dumps(processor)
