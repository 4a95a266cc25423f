"""MTEB runs the encoder on tasks with data in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import datasets
import mteb
import numpy as np
import pytest
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining
from mteb.models.model_implementations import MODEL_REGISTRY
from scipy.stats import spearmanr
from torch.utils.data import DataLoader

from adapters_hub import AdaptersHubError, InputTextError, ModularEncoder
from adapters_hub.bridges import MTEBEncoder
from tests.adapters_hub.conftest import Shelf
from tests.conftest import ARCHITECTURES

SCORES = [0.3, 4.2, 1.5, 2.0, 3.7, 0.1, 5.0, 2.8, 1.1, 4.9, 3.3, 2.4]


def metadata(name: str, kind: str, languages: dict[str, list[str]], score: str) -> TaskMetadata:
    return TaskMetadata(
        name=name,
        description="In memory.",
        reference="https://example.org",
        dataset={"path": "in/memory", "revision": "1"},
        type=kind,
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=languages,
        main_score=score,
        date=("2026-01-01", "2026-01-02"),
        domains=["Written"],
        task_subtypes=[],
        license="not specified",
        annotations_creators="derived",
        dialect=[],
        sample_creation="created",
        bibtex_citation="",
    )


def sts(pairs: dict[str, tuple[list[str], list[str]]], languages: dict[str, list[str]]) -> AbsTaskSTS:
    """A task of sentence pairs, by subset."""

    class InMemory(AbsTaskSTS):
        metadata = globals()["metadata"]("InMemorySTS", "STS", languages, "cosine_spearman")

        def load_data(self, *args: Any, **kwargs: Any) -> None:
            self.dataset = {
                subset: datasets.DatasetDict(
                    test=datasets.Dataset.from_dict({"sentence1": one, "sentence2": two, "score": SCORES})
                )
                for subset, (one, two) in pairs.items()
            }
            self.data_loaded = True

    return InMemory()


def bitext(columns: dict[str, list[str]]) -> AbsTaskBitextMining:
    """A parallel task with two columns."""
    pair = "-".join(columns)

    class InMemory(AbsTaskBitextMining):
        metadata = globals()["metadata"](
            "InMemoryBitext", "BitextMining", {pair: [code.replace("_", "-") for code in columns]}, "f1"
        )
        parallel_subsets = True

        def load_data(self, *args: Any, **kwargs: Any) -> None:
            self.dataset = datasets.DatasetDict(test=datasets.Dataset.from_dict(columns))
            self.data_loaded = True

    return InMemory()


def evaluate(model: MTEBEncoder, task: Any) -> dict[str, dict[str, Any]]:
    result = mteb.evaluate(model, task, cache=None, show_progress_bar=False, co2_tracker=False)
    return {entry["hf_subset"]: entry for entry in result[0].scores["test"]}


def test_each_subset_is_encoded_by_its_language_without_alignment(
    encoder: ModularEncoder, german: list[str], kazakh: list[str]
) -> None:
    pairs = {"de": (german, german[::-1][:6] + german[:6]), "kk": (kazakh, kazakh[3:] + kazakh[:3])}
    found = evaluate(MTEBEncoder(encoder), sts(pairs, {"de": ["deu-Latn"], "kk": ["kaz-Cyrl"]}))
    for subset, language in (("de", "deu"), ("kk", "kaz")):
        one, two = (encoder.encode(side, language) for side in pairs[subset])
        expected = spearmanr((one * two).sum(1), SCORES).statistic
        assert found[subset]["cosine_spearman"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_runs_on_every_architecture(
    aligned_on: Callable[[str], ModularEncoder], german: list[str], architecture: str
) -> None:
    encoder = aligned_on(architecture)
    one, two = german, german[::-1][:6] + german[:6]
    found = evaluate(MTEBEncoder(encoder), sts({"de": (one, two)}, {"de": ["deu-Latn"]}))
    expected = spearmanr((encoder.encode(one, "deu") * encoder.encode(two, "deu")).sum(1), SCORES).statistic
    assert found["de"]["cosine_spearman"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("align", [None, False, {"deu": "both"}])
def test_bitext_is_encoded_by_column_and_aligned_unless_told_otherwise(
    encoder: ModularEncoder, german: list[str], english: list[str], align: Any
) -> None:
    model = MTEBEncoder(encoder, align)
    calls = recorded(model)
    found = evaluate(model, bitext({"eng_Latn": english, "deu_Latn": german}))
    expected = encoder.encode(german, "deu", align=align is not False)
    np.testing.assert_array_equal(calls[1], expected)
    nearest = (encoder.encode(english, "eng") @ expected.T).argmax(1)
    assert found["eng_Latn-deu_Latn"]["accuracy"] == pytest.approx((nearest == np.arange(len(german))).mean())


def pairwise(subset: str, languages: list[str], one: list[str], two: list[str]) -> AbsTaskBitextMining:
    """A bitext task whose columns do not name their languages."""

    class InMemory(AbsTaskBitextMining):
        metadata = globals()["metadata"]("InMemoryPairs", "BitextMining", {subset: languages}, "f1")

        def load_data(self, *args: Any, **kwargs: Any) -> None:
            rows = datasets.Dataset.from_dict({"sentence1": one, "sentence2": two})
            self.dataset = {subset: datasets.DatasetDict(test=rows)}
            self.data_loaded = True

    return InMemory()


def retrieval(languages: list[str], queries: list[str], documents: list[str]) -> AbsTaskRetrieval:
    """A retrieval task in which each query's document has the same number."""

    class InMemory(AbsTaskRetrieval):
        metadata = globals()["metadata"]("InMemoryRetrieval", "Retrieval", {"pair": languages}, "ndcg_at_10")

        def load_data(self, *args: Any, **kwargs: Any) -> None:
            numbers = range(len(queries))
            split = {
                "queries": datasets.Dataset.from_dict({"id": [f"q{n}" for n in numbers], "text": queries}),
                "corpus": datasets.Dataset.from_dict(
                    {"id": [f"d{n}" for n in numbers], "title": [""] * len(numbers), "text": documents}
                ),
                "relevant_docs": {f"q{n}": {f"d{n}": 1} for n in numbers},
                "top_ranked": None,
            }
            self.dataset = {"pair": {"test": split}}
            self.data_loaded = True

    return InMemory()


def recorded(model: MTEBEncoder) -> list[np.ndarray]:
    """Record the vectors of every call."""
    calls: list[np.ndarray] = []
    encode = model.encode
    model.encode = lambda *args, **kwargs: calls.append(encode(*args, **kwargs)) or calls[-1]  # type: ignore[method-assign, func-returns-value]
    return calls


@pytest.mark.parametrize("turned", [False, True], ids=["as named", "the other way round"])
def test_each_side_of_a_cross_lingual_subset_is_encoded_and_aligned_by_its_own_language(
    encoder: ModularEncoder, german: list[str], english: list[str], turned: bool
) -> None:
    sides = {"deu": encoder.encode(german, "deu", align=True), "eng": encoder.encode(english, "eng")}
    languages = ["eng-Latn", "deu-Latn"] if turned else ["deu-Latn", "eng-Latn"]
    for task in (
        pairwise("pair", languages, german, english),
        sts({"pair": (german, english)}, {"pair": languages}),
        retrieval(languages, english, german),
    ):
        model = MTEBEncoder(encoder)
        calls = recorded(model)
        evaluate(model, task)
        first, second = ("eng", "deu") if task.metadata.type == "Retrieval" else ("deu", "eng")
        by_text = {frozenset(np.round(side.sum(1), 4).tolist()) for side in (sides[first], sides[second])}
        assert {frozenset(np.round(call.sum(1), 4).tolist()) for call in calls} == by_text
    across = MTEBEncoder(encoder, False)
    calls = recorded(across)
    evaluate(across, pairwise("pair", languages, german, english))
    np.testing.assert_array_equal(calls[0], encoder.encode(german, "deu"))


def test_a_side_whose_language_cannot_be_told_is_refused(
    encoder: ModularEncoder, german: list[str], english: list[str]
) -> None:
    mixed = [text for pair in zip(german, english, strict=True) for text in pair][: len(german)]
    task = pairwise("de-en", ["deu-Latn", "eng-Latn"], mixed, english)
    with pytest.raises(AdaptersHubError, match=r"cannot tell .*\(deu-Latn, eng-Latn\).*python -m eval run"):
        evaluate(MTEBEncoder(encoder), task)
    with pytest.raises(AdaptersHubError, match=r"language fra-Latn .* is not loaded: add its module"):
        evaluate(MTEBEncoder(encoder), pairwise("x", ["fra-Latn", "eng-Latn"], ["Où est la gare ?"], ["The train."]))


def test_get_model_gives_what_was_registered(encoder: ModularEncoder, german: list[str]) -> None:
    name = "example-org/registered"
    try:
        meta = MTEBEncoder(encoder, name=name).register()
        assert mteb.get_model_meta(name) == meta
        assert name in {found.name for found in mteb.get_model_metas(languages=["kaz"])}
        model = mteb.get_model(name, revision=meta.revision, device="cpu", align=False)
        assert isinstance(model, MTEBEncoder)
        assert (model.model, model.align) == (encoder, False)
        loaded = model.mteb_model_meta
        assert (loaded.name, loaded.experiment_kwargs) == (name, {"align": False})
        found = evaluate(model, sts({"de": (german, german[::-1])}, {"de": ["deu-Latn"]}))
        assert set(found) == {"de"}
        assert (model.empty, mteb.get_model(name, empty="missing").empty) == ("error", "missing")
        with pytest.raises(AdaptersHubError, match="computes on cpu, not on cuda"):
            mteb.get_model(name, device="cuda")
        MTEBEncoder(encoder, True, name=name, empty="missing").register()
        assert mteb.get_model_meta(name).revision != meta.revision
        assert mteb.get_model(name).empty == "missing"
    finally:
        MODEL_REGISTRY.pop(name, None)
    with pytest.raises(AdaptersHubError, match="MTEB knows another model"):
        MTEBEncoder(encoder, name="sentence-transformers/all-MiniLM-L6-v2").register()


def test_the_meta_tells_what_is_known(shelf: Shelf) -> None:
    encoder = shelf.encoder(shelf.deu.folder)
    meta = MTEBEncoder(encoder).mteb_model_meta
    size = sum(parameter.numel() for parameter in shelf.base.backbone.parameters())
    assert (meta.n_parameters, meta.n_embedding_parameters) == (size, shelf.base.own_embeddings.numel())
    encoder.encode("Ja.", "deu")
    assert MTEBEncoder(encoder).mteb_model_meta == meta
    assert (meta.use_instructions, meta.similarity_fn_name, meta.license) == (False, "cosine", None)
    assert "Huang" in str(meta.citation)
    json.dumps(meta.to_dict())


@pytest.mark.parametrize("name", ["deu-Latn", "deu_Latn", "deu", "de"])
def test_a_language_is_found_under_every_name_that_tasks_use(encoder: ModularEncoder, name: str) -> None:
    task = metadata("Named", "BitextMining", {"a-b": ["deu-Latn", "eng-Latn"]}, "f1")
    assert MTEBEncoder(encoder).language_of(task, name) == "deu"


class Loaded:
    """A stand-in for an encoder that has nothing but languages."""

    def __init__(self, *languages: str) -> None:
        self.languages = list(languages)


@pytest.mark.parametrize(
    ("loaded", "asked", "found"),
    [
        (["kaz_Cyrl"], "kaz-Cyrl", "kaz_Cyrl"),
        (["kaz_Cyrl", "kaz_Arab"], "kaz-Arab", "kaz_Arab"),
        (["kaz", "kaz_Cyrl"], "kaz-Cyrl", "kaz_Cyrl"),
        (["arb"], "ara-Arab", "arb"),
        (["ara"], "arb-Arab", "ara"),
        (["cmn_Hans"], "zho-Hans", "cmn_Hans"),
        (["zho"], "cmn-Hans", "zho"),
        (["azj"], "aze-Latn", "azj"),
        (["uzn"], "uzb-Latn", "uzn"),
        (["kaz_Latn"], "kaz-Cyrl", "is not loaded: add its module .loaded: kaz_Latn"),
        (["arb"], "arz-Arab", "is not loaded"),
        ([], "deu-Latn", "is not loaded: add its module .loaded: none"),
        (["kaz_Cyrl", "kaz_Arab"], "kaz", "fits kaz_Cyrl and kaz_Arab: remove all but one"),
    ],
)
def test_scripts_and_macro_languages_are_told_apart(loaded: list[str], asked: str, found: str) -> None:
    model = MTEBEncoder(Loaded(*loaded))  # type: ignore[arg-type]
    task = metadata("Named", "STS", {"x": [asked]}, "cosine_spearman")
    if found in loaded:
        assert model.language_of(task, "x") == found
    else:
        with pytest.raises(AdaptersHubError, match=found):
            model.language_of(task, "x")


def test_the_revision_changes_with_modules_and_alignment(shelf: Shelf) -> None:
    encoder = shelf.encoder(shelf.deu.folder)
    first = MTEBEncoder(encoder).mteb_model_meta
    assert (first.embed_dim, first.languages, first.max_tokens) == (encoder.dimension, ["deu-Latn"], 64)
    revisions = {first.revision, MTEBEncoder(encoder, True).mteb_model_meta.revision}
    encoder.add_module(shelf.kaz)
    assert MTEBEncoder(encoder).mteb_model_meta.languages == ["deu-Latn", "kaz-Cyrl"]
    revisions.add(MTEBEncoder(encoder).mteb_model_meta.revision)
    assert len(revisions) == 3


def test_empty_texts_are_refused_or_similar_to_nothing(encoder: ModularEncoder) -> None:
    texts = DataLoader(datasets.Dataset.from_dict({"text": ["Ja.", "Gut.", "", "Nein."]}), batch_size=2)  # type: ignore[arg-type]
    task = {"task_metadata": metadata("Named", "STS", {"x": ["deu-Latn"]}, "f1"), "hf_split": "test", "hf_subset": "x"}
    with pytest.raises(InputTextError, match="sentence 2 is empty"):
        MTEBEncoder(encoder).encode(texts, **task)  # type: ignore[arg-type]
    found = MTEBEncoder(encoder, empty="missing").encode(texts, **task)  # type: ignore[arg-type]
    assert not found[2].any()
    np.testing.assert_array_equal(found[[0, 1, 3]], encoder.encode(["Ja.", "Gut.", "Nein."], "deu", batch_size=32))
