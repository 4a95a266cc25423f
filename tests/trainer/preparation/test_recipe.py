"""Which recipe is written for the data that was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainer.preparation.assembling import Assembled
from trainer.preparation.recipe import Situation, text_of, tier
from trainer.preparation.settings import PreparationSettings
from trainer.runs.parsing import parse_recipe


def situation(language: str = "kaz", related: str | None = None, **found: tuple[int, int]) -> Situation:
    """Files with the given numbers of lines and sources."""
    files = {}
    for name, (lines, sources) in found.items():
        kind, _, code = name.replace("cross_", "cross-").partition("_")
        language_part = f"eng-{code}" if kind in ("parallel", "cross-paraphrase") else code
        path = f"{kind}/{language_part}.{'txt' if kind == 'mono' else 'tsv'}.xz"
        labels = {f"s{number}": lines // sources for number in range(sources)}
        entry = {"name": "s", "lines": lines, "labels": {label: {"license": "mit"} for label in labels}}
        files[path] = Assembled(Path("data") / path, lines, labels, {"sources": [entry]})
    settings = PreparationSettings(language, output="home", base="some/base", modules="here", related=related)
    return Situation(settings, files)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"parallel_kaz": (45_000, 5)}, "high_resource"),
        ({"parallel_kaz": (45_000, 1)}, "no_relative"),
        ({"parallel_kaz": (16_000, 5)}, "no_relative"),
        ({"parallel_kaz": (16_000, 5), "related": "tur"}, "low_resource"),
        ({"parallel_kaz": (4_000, 5), "related": "tur"}, "very_low_resource"),
        ({"language": "eng", "mono_eng": (9, 1)}, "pivot"),
    ],
)
def test_the_recipe_fits_the_number_of_translations_and_of_their_sources(found: dict[str, Any], expected: str) -> None:
    assert tier(situation(**found)) == expected


def parsed(found: Situation, tmp_path: Path) -> Any:
    path = tmp_path / "recipe.yaml"
    path.write_text(text_of(found), encoding="utf-8")
    return parse_recipe("x", "", ["--recipe", str(path)])


@pytest.mark.parametrize(
    ("found", "phases", "objective", "alignment"),
    [
        ({"parallel_kaz": (900, 2)}, ["vocabulary", "se"], "relational", ["balanced"]),
        ({"parallel_kaz": (900, 2), "paraphrase_kaz": (10, 1)}, ["vocabulary", "se"], "relational", ["balanced"]),
        ({"parallel_kaz": (900, 2), "paraphrase_kaz": (300, 1)}, ["vocabulary", "se"], "both", ["balanced"]),
        ({"paraphrase_kaz": (300, 1)}, ["vocabulary", "se"], "contrastive", None),
        (
            {"paraphrase_kaz": (300, 1), "cross_paraphrase_kaz": (300, 1)},
            ["vocabulary", "se"],
            "contrastive",
            ["paraphrase"],
        ),
        ({"mono_kaz": (300, 1)}, ["vocabulary", "la"], None, None),
    ],
)
def test_a_recipe_asks_for_nothing_that_was_not_found(
    found: dict[str, Any], phases: list[str], objective: str | None, alignment: list[str] | None, tmp_path: Path
) -> None:
    recipe = parsed(situation(**found), tmp_path)
    assert recipe.phases_of("kaz") == phases
    assert recipe.phases_of("eng") == ["vocabulary"]
    if objective:
        assert recipe.se.objective == objective
    assert ("\ncla:" in text_of(situation(**found))) is (alignment is not None)
    if alignment:
        assert recipe.cla.objectives == alignment
    assert not recipe.se.lora.start
    assert not recipe.cla.start
    named = {"parallel_kaz": "home/parallel/{pivot}-{language}.tsv.xz"}
    assert recipe.se.relations.path == named.get("parallel_kaz" if "parallel_kaz" in found else "", "")


def test_a_single_source_is_not_limited_as_one_of_several(tmp_path: Path) -> None:
    one, several = (parsed(situation(parallel_kaz=(900, count)), tmp_path) for count in (1, 2))
    assert one.se.relations.group_limit is None
    assert several.se.relations.group_limit
    assert several.se.relations.groups == "home/provenance/parallel-{language}.txt.xz"


def test_a_related_language_is_started_from_and_learnt_along(tmp_path: Path) -> None:
    recipe = parsed(situation(parallel_kaz=(9000, 3), related="aze"), tmp_path)
    assert recipe.se.related_list == recipe.cla.related_list == ["aze"]
    assert recipe.se.lora.start == "here/aze"
    assert recipe.cla.start == "here/aze-eng-balanced"


def test_words_are_mixed_in_where_there_are_words_and_sentences(tmp_path: Path) -> None:
    found = {"parallel_kaz": (900, 2), "paraphrase_eng": (900, 2)}
    assert parsed(situation(**found), tmp_path).cla.mixed.sentences.path == "home/paraphrase/{pivot}.tsv.xz"
    assert not parsed(situation(parallel_kaz=(900, 2)), tmp_path).cla.mixed.lexicon.path
    other = {name.replace("kaz", "crh_Latn"): value for name, value in found.items()}
    assert not parsed(situation("crh_Latn", **other), tmp_path).cla.mixed.lexicon.path
