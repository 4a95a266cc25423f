"""Queries and documents have prompts of their own: the module's, or else the base's; exports and MTEB use them too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mteb.types import PromptType
from sentence_transformers import SentenceTransformer
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerFast

from adapters_hub import AdaptersHubError, InputTextError, ModularEncoder, ModuleFormatError, load_base
from adapters_hub.base.families import family_of
from adapters_hub.bridges import MTEBEncoder, export_composed, export_merged, export_onnx
from adapters_hub.bridges.onnx_encoder import OnnxEncoder
from adapters_hub.format import WITHOUT_PROMPT, LanguageModuleManifest
from tests.adapters_hub.base.sentence_folders import write_sentence_transformer
from tests.adapters_hub.bridges.test_mteb import metadata
from tests.adapters_hub.builders import edit_json, language_manifest, make_language
from tests.adapters_hub.conftest import Bases
from tests.conftest import build_tokenizer

PROMPTS = {"query": "Frage: ", "document": "Text: "}
TEXTS = ["Wann fährt der Zug?", "Der Zug fährt um acht.", "Es regnet."]


@functools.cache
def tokenizer() -> PreTrainedTokenizerFast:
    """One for all modules: training WordPiece twice does not give the same one."""
    return build_tokenizer("wordpiece", 400)


def german(bases: Bases, folder: Path, **options: object) -> ModularEncoder:
    base = bases("bert")
    module = make_language(base, folder / "deu", "deu", 3, tokenizer(), **options)
    return ModularEncoder(base.copy(), [module.folder], device="cpu")


def test_the_prompts_of_a_module_stand_before_queries_and_documents(bases: Bases, tmp_path: Path) -> None:
    encoder = german(bases, tmp_path, prompt="Satz: ", prompts=PROMPTS)
    bare = german(bases, tmp_path / "bare", prompt="", prompts={})
    for found, prompt in (
        (encoder.encode(TEXTS, "deu"), "Satz: "),
        (encoder.encode_query(TEXTS, "deu"), "Frage: "),
        (encoder.encode_document(TEXTS, "deu"), "Text: "),
    ):
        np.testing.assert_array_equal(found, bare.encode([prompt + text for text in TEXTS], "deu"))
    assert encoder.encode_query("Wann?", "deu").shape == (encoder.dimension,)


def test_pooling_leaves_out_the_prompt_that_stands_there(bases: Bases, tmp_path: Path) -> None:
    """The prompts have different numbers of tokens, and none of them may be pooled."""
    encoder = german(
        bases, tmp_path, prompt="Satz: ", prompts={"document": "Ein langer Text: "}, pooling=WITHOUT_PROMPT
    )
    long = german(bases, tmp_path / "long", prompt="Ein langer Text: ", prompts={}, pooling=WITHOUT_PROMPT)
    np.testing.assert_array_equal(encoder.encode_document(TEXTS, "deu"), long.encode(TEXTS, "deu"))


def test_a_module_without_prompts_has_those_of_its_base(base_folders: Callable[[str], Path], tmp_path: Path) -> None:
    for name, prompts in (("plain", {}), ("with", {"prompts": PROMPTS})):
        write_sentence_transformer(base_folders("bert"), tmp_path / name, **prompts)
    plain, base = load_base(tmp_path / "plain"), load_base(tmp_path / "with")
    assert dict(base.prompts) == PROMPTS
    assert not plain.prompts
    module = make_language(plain, tmp_path / "deu", "deu", 3)
    assert module.manifest.prompts is None
    encoder = ModularEncoder(base, [module.folder], device="cpu")
    for code in ("deu", None):
        asked = encoder.encode_query(TEXTS, code)
        bare = ModularEncoder(plain.copy(), [module.folder], device="cpu")
        # The base reads both prompts; plain sentences have the prompt of queries, because documents have one too.
        np.testing.assert_array_equal(asked, bare.encode([f"Frage: {text}" for text in TEXTS], code))
    assert encoder.fingerprints(None) != bare.fingerprints(None)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"query": "q: ", "passage": "p: "}, {"query": "q: ", "document": "p: "}),
        ({"query": "q: ", "corpus": "c: ", "document": "d: "}, {"query": "q: ", "document": "d: "}),
        ({"query": "q: "}, {"query": "q: "}),
        ({"s2s": "s: "}, {}),
    ],
)
def test_prompts_are_found_by_the_names_that_sentence_transformers_looks_for(
    names: dict[str, str], expected: dict[str, str], base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    model = write_sentence_transformer(base_folders("bert"), tmp_path / "base", prompts=names)
    for name in ("query", "document"):
        if name not in names:  # today's release adds an empty prompt, which hides the names of earlier ones
            model.prompts.pop(name, None)
    base = load_base(tmp_path / "base")
    assert dict(base.prompts) == expected
    encoder = ModularEncoder(base, device="cpu")
    np.testing.assert_allclose(encoder.encode_query(TEXTS, None), model.encode_query(TEXTS), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_document(TEXTS, None), model.encode_document(TEXTS), atol=1e-5)


def test_the_e5_family_has_its_prompts_though_its_files_do_not_state_them() -> None:
    family = family_of("intfloat/multilingual-e5-small")
    assert family is not None
    assert (family.prompt, dict(family.prompts)) == ("query: ", {"document": "passage: "})


def test_a_prompt_that_the_user_sets_stands_before_every_text(
    base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    write_sentence_transformer(base_folders("bert"), tmp_path / "base", prompts=PROMPTS)
    encoder = ModularEncoder(load_base(tmp_path / "base", prompt="x: "), device="cpu")
    np.testing.assert_array_equal(encoder.encode_document(TEXTS, None), encoder.encode(TEXTS, None))


def test_another_name_is_refused(bases: Bases, tmp_path: Path) -> None:
    encoder = german(bases, tmp_path)
    with pytest.raises(AdaptersHubError, match=r"prompt_name must be 'query', 'document' or None, not 'passage'"):
        encoder.encode(TEXTS, "deu", prompt_name="passage")  # type: ignore[call-overload]


def test_the_manifest_keeps_the_prompts_and_its_fingerprint_covers_them(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    module = make_language(base, tmp_path / "deu", "deu", 3, prompts=PROMPTS)
    assert LanguageModuleManifest.read(module.folder).prompts == PROMPTS
    other = make_language(base, tmp_path / "other", "deu", 3, prompts=PROMPTS | {"query": "?: "})
    assert module.manifest.fingerprint != other.manifest.fingerprint
    edit_json(module.folder / "module.json", prompts={"query": 7})
    with pytest.raises(ModuleFormatError, match="prompts cannot be"):
        LanguageModuleManifest.read(module.folder)
    for wrong in ({"passage": "p: "}, {"query": "x" * 10_000}, ["q: "]):
        with pytest.raises(ModuleFormatError, match="prompts cannot be"):
            language_manifest(base, "deu", prompts=wrong)


@pytest.mark.parametrize("pooling", ["mean", WITHOUT_PROMPT])
def test_exports_give_the_same_vectors_for_each_prompt(bases: Bases, tmp_path: Path, pooling: str) -> None:
    encoder = german(bases, tmp_path, prompt="Satz: ", prompts=PROMPTS, pooling=pooling)
    merged = SentenceTransformer(str(export_merged(encoder, "deu", tmp_path / "merged")), device="cpu")
    composed = SentenceTransformer(
        str(export_composed(encoder, ["deu"], tmp_path / "composed", include_base=True)),
        device="cpu",
        trust_remote_code=True,
    )
    for model in (merged, composed):
        np.testing.assert_allclose(model.encode(TEXTS), encoder.encode(TEXTS, "deu"), atol=2e-6)
        np.testing.assert_allclose(model.encode_query(TEXTS), encoder.encode_query(TEXTS, "deu"), atol=2e-6)
        np.testing.assert_allclose(model.encode_document(TEXTS), encoder.encode_document(TEXTS, "deu"), atol=2e-6)
    with pytest.raises(InputTextError, match=r"has its own prompts, found another one, 'Suche: '"):
        composed.encode(TEXTS, prompt="Suche: ")


def test_a_graph_has_the_prompts_that_it_can_pool_after(bases: Bases, tmp_path: Path) -> None:
    prompts = {"query": "Frage: ", "document": "Ein langer Text: "}
    encoder = german(bases, tmp_path, prompt="Satz: ", prompts=prompts, pooling=WITHOUT_PROMPT)
    graph = OnnxEncoder(export_onnx(encoder, "deu", tmp_path / "onnx"))
    with pytest.raises(AdaptersHubError, match=r"expected prompt_name None or .*found 'document': use ModularEncoder"):
        graph.encode(TEXTS, prompt_name="document")
    possible = [name for name in PROMPTS if name in graph.config["prompts"]]
    for name in possible:
        found = graph.encode(TEXTS, prompt_name=name)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, encoder.encode(TEXTS, "deu", prompt_name=name), atol=1e-5)  # type: ignore[call-overload]


def test_mteb_says_which_texts_are_queries(bases: Bases, tmp_path: Path) -> None:
    encoder = german(bases, tmp_path, prompt="Satz: ", prompts=PROMPTS)
    task = metadata("InMemoryRetrieval", "Retrieval", {"deu": ["deu-Latn"]}, "ndcg_at_10")
    loader = DataLoader([{"text": text} for text in TEXTS], batch_size=2)  # type: ignore[arg-type,var-annotated]
    for kind, expected in (
        (PromptType.query, encoder.encode_query(TEXTS, "deu")),
        (PromptType.document, encoder.encode_document(TEXTS, "deu")),
        (None, encoder.encode(TEXTS, "deu")),
    ):
        found = MTEBEncoder(encoder).encode(
            loader, task_metadata=task, hf_split="test", hf_subset="deu", prompt_type=kind
        )
        np.testing.assert_allclose(found, expected, atol=1e-6)
