"""Paraphrases of the pivot translated into another language, here from German into Kazakh."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters_hub import AdaptersHubError
from tests.trainer.building import DICTIONARY, GERMAN
from tests.trainer.preparation.conftest import rows_of_file, tsv
from trainer.data.text_files import read_lines
from trainer.preparation.cleaning import normalised
from trainer.preparation.settings import parse_settings
from trainer.preparation.writing import prepare
from trainer.runs.parsing import parse_recipe
from trainer.translation import Translation, Translator, code_in_model

TRIPLES = [(GERMAN[row], GERMAN[row + 1], GERMAN[row + 2] if row % 2 else "") for row in range(0, 30, 3)]


@pytest.fixture
def values(translation_model: Path, tmp_path: Path) -> dict[str, Any]:
    """The options of a run."""
    tsv(tmp_path / "deu.tsv", TRIPLES)
    source = {"name": "pairs", "kind": "paraphrase", "path": f"{tmp_path}/{{language}}.tsv", "license": "mit"}
    listed = [source | {"languages": ["deu"], "translate": True}]
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump({"sources": listed}), encoding="utf-8")
    values = {"language": "kaz", "pivot": "deu", "output": tmp_path / "data", "sources": tmp_path / "sources.yaml"}
    values |= {"translate": translation_model, "translation.num_beams": 1, "translation.device": "cpu"}
    return values | {"translation.license": "cc-by-nc-4.0"}


def run(values: dict[str, Any]) -> Path:
    prepare(parse_settings([f"--{name}={value}" for name, value in values.items()]))
    return Path(values["output"])


def both(text: str) -> tuple[str, str]:
    return normalised(text), normalised(DICTIONARY.get(text, ""))


def test_pairs_within_and_across_come_out_of_one_run(values: dict[str, Any]) -> None:
    data = run(values)
    crossed = rows_of_file(data / "cross-paraphrase" / "deu-kaz.tsv.xz")
    expected = {tuple(zip(*(both(text) for text in row), strict=True)) for row in TRIPLES}
    assert {(tuple(row[:3]), tuple(row[3:])) for row in crossed} == expected
    within = rows_of_file(data / "paraphrase" / "kaz.tsv.xz")
    assert sorted(within) == sorted(row[3:] for row in crossed)
    assert set(read_lines(data / "provenance" / "cross-paraphrase-kaz.txt.xz")) == {"pairs"}
    files = json.loads((data / "sources.json").read_text(encoding="utf-8"))["files"]
    source = files["cross-paraphrase/deu-kaz.tsv.xz"]["sources"][0]
    assert source["translated_by"] == str(values["translate"])
    assert source["labels"]["pairs"]["license"] == "mit, translated: cc-by-nc-4.0"


def test_the_recipe_aligns_by_them_where_there_are_no_translations(values: dict[str, Any]) -> None:
    recipe = parse_recipe("x", "", ["--recipe", str(run(values) / "recipe.yaml")])
    assert recipe.cla.objectives == ["paraphrase"]
    assert recipe.cla.paraphrase.path.endswith("cross-paraphrase/{pivot}-{language}.tsv.xz")
    assert recipe.se.objective == "contrastive"


def test_a_stopped_run_translates_nothing_twice(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    values["translation.tokens_per_batch"] = 200
    whole, asked, left = Translator.translate, [], iter(range(3))

    def spy(self: Translator, sentences: list[str]) -> list[Translation]:
        if next(left, None) is None:
            raise KeyboardInterrupt
        asked.extend(sentences)
        return whole(self, sentences)

    monkeypatch.setattr(Translator, "translate", spy)
    with pytest.raises(KeyboardInterrupt):
        run(values)
    left = iter(range(1000))
    data = run(values)
    assert len(asked) == len(set(asked)) == len({text for row in TRIPLES for text in row if text})
    asked.clear()
    run(values | {"translation.limit": 4})
    assert asked == []
    assert len(rows_of_file(data / "cross-paraphrase" / "deu-kaz.tsv.xz")) == 4


def test_excluded_sentences_are_left_out_in_both_languages(values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "benchmark.txt").write_text(f"{DICTIONARY[GERMAN[0]]}\n{GERMAN[4]}\n", encoding="utf-8")
    crossed = rows_of_file(
        run(values | {"exclude": tmp_path / "benchmark.txt"}) / "cross-paraphrase" / "deu-kaz.tsv.xz"
    )
    assert len(crossed) == len(TRIPLES) - 2


def test_without_a_model_it_says_what_could_be_translated(
    values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    del values["translate"]
    with caplog.at_level(logging.INFO, logger="trainer"), pytest.raises(AdaptersHubError, match="has anything in kaz"):
        run(values)
    assert "pairs could be translated to kaz: --translate MODEL" in caplog.text


def test_codes_of_a_model_are_found(translation_model: Path) -> None:
    assert code_in_model(str(translation_model), None, ["kk", "kaz_Cyrl"]) == "kaz_Cyrl"
    with pytest.raises(AdaptersHubError, match="does not know hau_Latn or ha; it knows 2"):
        code_in_model(str(translation_model), None, ["hau_Latn", "ha"])
