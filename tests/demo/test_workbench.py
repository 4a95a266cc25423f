from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

from demo.compare.catalog import Catalog
from demo.compare.workbench import Workbench
from tests.adapters_hub.conftest import Shelf

TEXTS = ["Guten Morgen!", "Der Zug hat Verspätung."]


def test_the_vectors_are_those_of_the_library(bench: Workbench, shelf: Shelf, names: list[str]) -> None:
    picks = bench.catalog.pick(names)
    encoder = shelf.encoder(*shelf.folders)
    blend = {"paraphrase": 0.7, "parallel": 0.3}
    assert np.array_equal(bench.encode(TEXTS, "deu", picks), encoder.encode(TEXTS, "deu"))
    assert np.array_equal(bench.encode(TEXTS, None, picks), encoder.encode(TEXTS, None))
    assert np.array_equal(bench.encode(TEXTS, "kaz", picks, blend), encoder.encode(TEXTS, "kaz", align={"kaz": blend}))


def test_two_visitors_with_different_modules_of_a_language_do_not_mix(
    bench: Workbench, names: list[str], shelf: Shelf
) -> None:
    ours = bench.catalog.pick(names)
    others = bench.catalog.pick(["tiny/eng", "other/deu", "other/deu-eng-both"])
    expected = {id(picks): bench.encode(TEXTS, "deu", picks, {"both": 1}) for picks in (ours, others)}
    assert not np.allclose(expected[id(ours)], expected[id(others)])
    fresh = Workbench(bench.catalog, base=shelf.base.copy())
    wrong = []

    def visit(picks: object, number: int) -> None:
        for turn in range(4):
            texts = [*TEXTS, f"{number} {turn}"]
            found = fresh.encode(texts, "deu", picks, {"both": 1})  # type: ignore[arg-type]
            if not np.allclose(found[:2], expected[id(picks)], atol=1e-5):
                wrong.append(number)

    threads = [threading.Thread(target=visit, args=((ours, others)[n % 2], n)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_was_not_used_for_longest_is_unloaded(catalog: Catalog, shelf: Shelf, names: list[str]) -> None:
    bench = Workbench(catalog, kept_languages=2, base=shelf.base.copy())
    picks = catalog.pick(names)
    first = bench.encode(TEXTS, "deu", picks, {"both": 1})
    for language in ("eng", "deu", "kaz"):
        bench.encode([language], language, picks)
    assert set(bench.loaded) == {"deu", "kaz"}
    assert bench.encoder.languages == ["deu", "kaz"]
    bench.encode(TEXTS, "eng", picks)
    assert set(bench.loaded) == {"kaz", "eng"}
    bench._vectors.clear()
    assert np.array_equal(bench.encode(TEXTS, "deu", picks, {"both": 1}), first)


def test_tokens_are_those_of_the_base_or_of_the_module(bench: Workbench, names: list[str]) -> None:
    picks = bench.catalog.pick(names)
    base, module = (bench.tokens("Guten Morgen", language, picks) for language in (None, "deu"))
    assert "".join(piece.text for piece in base).replace(" ", "") == "GutenMorgen"
    assert base != module
    assert bench.tokens("☃", None, picks)[-1] == ("☃", False, True)


@pytest.mark.parametrize("language", [None, "deu"])
def test_the_tokens_that_count_are_those_that_the_vector_depends_on(
    bench: Workbench, names: list[str], language: str | None
) -> None:
    picks = bench.catalog.pick(names)
    text = "Guten Morgen, der Zug hat heute wieder Verspätung. " * 9
    pieces = bench.tokens(text, language, picks)
    (kept,) = bench.cut([text], language, picks)[1]
    assert kept is not None
    counting = [piece.counts for piece in pieces]
    assert counting == sorted(counting, reverse=True)
    assert 0 < sum(counting) < len(pieces)
    vectors = [
        bench.encode([other], language, picks) for other in (text, text[:kept] + " ganz anders", text[: kept // 2])
    ]
    assert np.allclose(vectors[0], vectors[1], atol=1e-6)
    assert not np.allclose(vectors[0], vectors[2], atol=1e-3)
    assert all(piece.counts for piece in bench.tokens("Guten Morgen", language, picks))


def test_kept_vectors_are_bounded_and_hold_no_text(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bound = 10 * (bench.encoder.dimension * 4 + 8)
    monkeypatch.setattr("demo.compare.workbench._KEPT_VECTORS", bound)
    picks = bench.catalog.default()
    for number in range(30):
        bench.encode([f"Satz {number}"], None, picks)
        assert sum(store.nbytes for store in bench._vectors.values()) <= bound
        assert b"Satz" not in pickle.dumps(bench._vectors)


def test_a_sentence_is_encoded_once_for_all_visitors(
    bench: Workbench, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picks = bench.catalog.pick(names)
    encode, encoded = bench.encoder.encode, []

    def counting(texts: list[str], *args: object, **options: object) -> np.ndarray:
        encoded.append(texts)
        return encode(texts, *args, **options)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(bench.encoder, "encode", counting)
    first = bench.encode(["Ja", "Nein"], "deu", picks)
    second = bench.encode(["Nein", "Vielleicht", "Nein"], "deu", picks)
    assert encoded == [["Ja", "Nein"], ["Vielleicht"]]
    assert np.array_equal(second[[0, 2]], first[[1, 1]])
