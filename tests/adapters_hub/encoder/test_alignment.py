"""Which alignment adapters `align` switches on, and with which weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from adapters_hub import InputTextError, ModularEncoder
from adapters_hub.encoder import Composition
from adapters_hub.encoder.alignment import resolve_alignment
from adapters_hub.modules import blend
from tests.adapters_hub.builders import make_adapter
from tests.adapters_hub.conftest import Shelf

BOTH = ["both", "paraphrase", "parallel"]
PAIR = ["paraphrase", "parallel"]


@pytest.fixture(scope="module")
def encoder(shelf: Shelf) -> ModularEncoder:
    """An encoder with all modules."""
    return shelf.encoder(*shelf.folders)


def _differ(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((np.abs(a - b).max(-1) > 1e-3).all())


@pytest.mark.parametrize(
    ("align", "loaded", "expected"),
    [
        (False, BOTH, {}),
        (True, ["both"], {"both": 1.0}),
        (True, BOTH, {"both": 1.0}),
        (True, ["parallel"], {"parallel": 1.0}),
        ({}, BOTH, {}),
        ({"kaz": "both"}, BOTH, {}),
        ({"deu": "parallel"}, BOTH, {"parallel": 1.0}),
        ({"deu": ["paraphrase"]}, BOTH, {"paraphrase": 1.0}),
        ({"deu": ["paraphrase", "paraphrase"]}, BOTH, {"paraphrase": 1.0}),
        ({"deu": PAIR}, BOTH, {"paraphrase": 0.5, "parallel": 0.5}),
        ({"deu": tuple(BOTH)}, BOTH, {"both": 1 / 3, "paraphrase": 1 / 3, "parallel": 1 / 3}),
        ({"deu": {"parallel": 0.3, "paraphrase": 0.7}}, BOTH, {"paraphrase": 0.7, "parallel": 0.3}),
        ({"deu": {"parallel": 2, "paraphrase": -1.0}}, BOTH, {"paraphrase": -1.0, "parallel": 2.0}),
        ({"deu": {"parallel": 1.0, "paraphrase": 0.0}}, BOTH, {"parallel": 1.0}),
        ({"deu": {"parallel": 0}}, BOTH, {}),
        ({"deu": []}, BOTH, {}),
    ],
)
def test_weights_that_align_stands_for(align: Any, loaded: list[str], expected: dict[str, float]) -> None:
    assert dict(resolve_alignment(align, "deu", loaded, is_pivot=False)) == expected


@pytest.mark.parametrize(
    ("align", "loaded", "words"),
    [
        (True, [], "align=True, but no alignment adapter for 'deu' is loaded: add one, or name the languages"),
        (True, PAIR, r"ambiguous for 'deu' \(loaded: paraphrase, parallel\): say which.*\{'deu': 'paraphrase'\}"),
        ({"deu": "both"}, PAIR, r"no alignment adapter 'both' for 'deu' is loaded \(loaded: paraphrase, parallel\)"),
        ({"deu": ["parallel", "best"]}, PAIR, "no alignment adapter 'best' for 'deu'"),
        ({"deu": "both"}, [], r"no alignment adapter 'both' for 'deu' is loaded \(loaded: none\)"),
        ({"deu": {"parallel": "0.5"}}, PAIR, "the weight of 'parallel' for 'deu' must be a number, not '0.5'"),
        ({"deu": {"parallel": float("nan")}}, PAIR, "must be a number, not nan"),
        ({"deu": {"parallel": float("inf")}}, PAIR, "must be a number, not inf"),
        ({"deu": {"parallel": True}}, PAIR, "must be a number, not True"),
        ("both", PAIR, "align must be True, False or a mapping of languages, not str"),
        (None, PAIR, "align must be True, False or a mapping of languages, not NoneType"),
        ({"deu": True}, ["both"], "align for 'deu' must be an objective, several.* not True"),
        ({"deu": None}, ["both"], "align for 'deu' must be an objective, several.* not None"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(align: Any, loaded: list[str], words: str) -> None:
    with pytest.raises(InputTextError, match=words) as caught:
        resolve_alignment(align, "deu", loaded, is_pivot=False)
    assert "\n" not in str(caught.value)


def test_a_pivot_without_an_adapter_stays_as_it_is_and_one_with_an_adapter_is_aligned() -> None:
    assert resolve_alignment(True, "eng", [], is_pivot=True) == ()
    assert resolve_alignment(True, "eng", ["both"], is_pivot=True) == (("both", 1.0),)


def test_alignment_changes_the_language_and_not_the_pivot(
    encoder: ModularEncoder, german: list[str], english: list[str]
) -> None:
    assert _differ(encoder.encode(german, "deu", align=True), encoder.encode(german, "deu"))
    np.testing.assert_array_equal(encoder.encode(english, "eng", align=True), encoder.encode(english, "eng"))


def test_a_pivot_that_no_adapter_names_any_more_needs_one_itself(shelf: Shelf, english: list[str]) -> None:
    encoder = shelf.encoder(shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder)
    encoder.encode(english, "eng", align=True)
    encoder.remove_module("deu", "both")
    with pytest.raises(InputTextError, match="no alignment adapter for 'eng' is loaded"):
        encoder.encode(english, "eng", align=True)


def test_every_spelling_of_one_adapter_gives_the_same_bits(encoder: ModularEncoder, german: list[str]) -> None:
    expected = encoder.encode(german, "deu", align=True)
    for align in ({"deu": "both"}, {"deu": ["both"]}, {"deu": {"both": 1}}, {"deu": {"both": 1.0}}):
        np.testing.assert_array_equal(encoder.encode(german, "deu", align=align), expected)  # type: ignore[arg-type]
    np.testing.assert_array_equal(
        encoder.encode(german, "deu", align={"deu": {"both": 0.0}}), encoder.encode(german, "deu")
    )


def test_a_list_is_the_average_and_weights_are_a_blend(
    shelf: Shelf, encoder: ModularEncoder, kazakh: list[str]
) -> None:
    parts = (shelf.kaz_paraphrase.bottlenecks, shelf.kaz_parallel.bottlenecks)
    composition = Composition(shelf.base.copy())
    for align, weights in (
        (PAIR, (0.5, 0.5)),
        ({"paraphrase": 0.7, "parallel": 0.3}, (0.7, 0.3)),
        ({"paraphrase": 0.3, "parallel": 0.7}, (0.3, 0.7)),
    ):
        composition.activate(shelf.kaz, blend(list(zip(parts, weights, strict=True))))
        assert shelf.kaz.tokenizer is not None
        ids = shelf.kaz.tokenizer(kazakh[0], return_tensors="pt")["input_ids"]
        with torch.no_grad():
            expected = composition.backbone(input_ids=ids).last_hidden_state.mean(1)[0].numpy()
        found = encoder.encode(kazakh[0], "kaz", align={"kaz": align}, normalize=False)  # type: ignore[dict-item]
        np.testing.assert_allclose(found, expected, atol=1e-5)
    blends = [{"paraphrase": weight, "parallel": 1 - weight} for weight in (0.3, 0.5, 0.7)]
    assert len({encoder.fingerprints("kaz", align={"kaz": blend}) for blend in blends}) == 3
    assert encoder.fingerprints("kaz", align={"kaz": PAIR}) == encoder.fingerprints("kaz", align={"kaz": blends[1]})
    vectors = [encoder.encode(kazakh, "kaz", align={"kaz": choice}) for choice in (*PAIR, PAIR)]
    assert _differ(vectors[0], vectors[1])
    assert _differ(vectors[0], vectors[2])
    assert _differ(vectors[1], vectors[2])


def test_a_mapping_aligns_only_the_languages_that_it_names(
    encoder: ModularEncoder, german: list[str], kazakh: list[str]
) -> None:
    texts, codes = [*german, *kazakh], ["deu"] * len(german) + ["kaz"] * len(kazakh)
    found = encoder.encode(texts, codes, align={"deu": "both"})
    np.testing.assert_array_equal(found[: len(german)], encoder.encode(german, "deu", align=True))
    np.testing.assert_array_equal(found[len(german) :], encoder.encode(kazakh, "kaz"))


def test_a_mapping_that_names_a_language_that_is_not_loaded_is_refused(
    encoder: ModularEncoder, german: list[str]
) -> None:
    with pytest.raises(InputTextError, match=r"align names 'ger', which is not loaded \(loaded: eng, deu, kaz\)"):
        encoder.encode(german, "deu", align={"ger": "both"})


def test_the_untouched_base_is_never_aligned(encoder: ModularEncoder, english: list[str]) -> None:
    np.testing.assert_array_equal(encoder.encode(english, None, align=True), encoder.encode(english, None))


def test_nothing_is_encoded_if_one_language_cannot_be_aligned(
    encoder: ModularEncoder, german: list[str], kazakh: list[str]
) -> None:
    with pytest.raises(InputTextError, match="ambiguous for 'kaz'"):
        encoder.encode([german[0], kazakh[0]], ["deu", "kaz"], align=True)


def test_a_replaced_adapter_is_used_from_then_on(shelf: Shelf, german: list[str], tmp_path_factory: Any) -> None:
    encoder = shelf.encoder(shelf.deu.folder, shelf.deu_both.folder)
    before = encoder.encode(german, "deu", align=True)
    folder = tmp_path_factory.mktemp("again") / "adapter"
    encoder.remove_module("deu", "both")
    encoder.add_module(make_adapter(shelf.base, folder, ("both", shelf.deu, shelf.eng), 99))
    assert _differ(encoder.encode(german, "deu", align=True), before)
