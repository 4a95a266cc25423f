"""Every export has a card that states what it is made of, its licence, and how to load it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from sentence_transformers import SentenceTransformer

from adapters_hub import ModularEncoder
from adapters_hub.bridges import export_composed, export_merged, export_onnx
from adapters_hub.cards import render_export_card
from adapters_hub.format import AlignmentManifest, BaseReference, LanguageModuleManifest
from tests.adapters_hub.builders import make_adapter, make_language
from tests.adapters_hub.conftest import Bases

BASE = BaseReference("intfloat/multilingual-e5-small", "c" * 40, "b" * 64, "intfloat/multilingual-e5-small")


@pytest.fixture(scope="module")
def licensed(bases: Bases, tmp_path_factory: pytest.TempPathFactory) -> ModularEncoder:
    """German and English under different licences, and an adapter that states none."""
    folder = tmp_path_factory.mktemp("licensed")
    base = bases("bert")
    training = {"data": [{"use": "se", "name": "pairs", "dataset": "org/pairs", "license": "cc0-1.0"}]}
    deu = make_language(base, folder / "deu", "deu", 1, license="mit", prompt="Frage: ", training=training)
    eng = make_language(base, folder / "eng", "eng", 2, license="apache-2.0")
    both = make_adapter(base, folder / "both", ("both", deu, eng), 3)
    return ModularEncoder(base.copy(), [deu.folder, eng.folder, both.folder], device="cpu")


def test_a_folder_of_one_language_names_licence_language_and_parts(licensed: ModularEncoder, tmp_path: Path) -> None:
    merged = export_merged(licensed, "deu", tmp_path / "merged")
    onnx = export_onnx(licensed, "deu", tmp_path / "onnx", align=True)
    for folder, tags in ((merged, []), (onnx, ["onnx"])):
        card = ModelCard.load(folder / "README.md")
        assert (card.data.language, card.data.library_name) == (["de"], "sentence-transformers")
        assert card.data.pipeline_tag == "sentence-similarity"
        assert card.data.datasets == ["org/pairs"]
        assert {"sentence-transformers", "modular-sentence-encoders", *tags} <= set(card.data.tags)
        assert licensed.manifest("deu").fingerprint[:16] in card.text
        assert "Frage: " in card.text
        assert str(licensed.base.source) not in card.content
    assert ModelCard.load(merged / "README.md").data.license == "mit"
    aligned = ModelCard.load(onnx / "README.md")
    assert aligned.data.license is None  # the adapter states none
    assert licensed.manifest("deu", "both").fingerprint[:16] in aligned.text
    config = json.loads((onnx / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["architectures"]) == ("bert", ["BertModel"])
    assert json.loads((merged / "tokenizer_config.json").read_text(encoding="utf-8"))["tokenizer_class"] == (
        "PreTrainedTokenizerFast"
    )


def test_a_composed_folder_names_all_languages_and_keeps_its_card(licensed: ModularEncoder, tmp_path: Path) -> None:
    folder = export_composed(licensed, None, tmp_path / "all", default_language="eng", include_base=True)
    card = ModelCard.load(folder / "README.md")
    assert (card.data.language, card.data.license) == (["en", "de"], None)
    for licence in ("mit", "apache-2.0"):
        assert f"| {licence} |" in card.text
    assert "trust_remote_code=True" in card.text
    model = SentenceTransformer(str(folder), trust_remote_code=True, device="cpu")
    model.save(str(tmp_path / "saved"))
    assert ModelCard.load(tmp_path / "saved" / "README.md").text == card.text


def test_a_card_names_the_base_where_others_find_it() -> None:
    deu = LanguageModuleManifest(language="deu", base=BASE, license="mit", fingerprint="a" * 64, dimension=384)
    both = AlignmentManifest(
        language="deu", base=BASE, license="mit", pivot="eng", objective="both", fingerprint="d" * 64,
        pivot_fingerprint="e" * 64, target_fingerprint="a" * 64,
    )  # fmt: skip
    for kind, adapters in (("merged", []), ("onnx", [both]), ("composed", [both])):
        card = ModelCard(render_export_card(kind, [deu], adapters, base_inside=kind != "composed"))  # type: ignore[arg-type]
        assert card.data.base_model == BASE.hub_id
        assert card.data.license == "mit"
        assert f"`{BASE.hub_id}` at revision" in " ".join(card.text.split())
