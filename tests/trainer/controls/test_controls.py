from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from trainer.controls.control import CONTROLS, with_starts
from trainer.runs.parsing import parse_recipe
from trainer.settings import ControlName, DataSource, Recipe, SentenceEncodingSettings, SettingsError


def recipe(objective: str = "relational", relations: str = "eng-{language}.tsv", **changes: object) -> Recipe:
    encoding = SentenceEncodingSettings(objective=objective, relations=DataSource(relations))  # type: ignore[arg-type]
    return Recipe(languages=["eng", "deu", "kaz"], se=encoding, **changes)  # type: ignore[arg-type]


def test_every_name_of_the_settings_has_a_control() -> None:
    assert tuple(CONTROLS) == get_args(ControlName)
    assert all(control.name == name for name, control in CONTROLS.items())
    folders = {control.folder(recipe()) for control in CONTROLS.values()}
    assert len(folders) == len(CONTROLS)


def test_what_a_control_starts_from_is_made_before_it_and_once() -> None:
    assert [control.name for control in with_starts(["mono+cross"])] == ["mono", "mono+cross"]
    assert [control.name for control in with_starts(["cross", "mono+cross", "mono"])] == ["cross", "mono", "mono+cross"]
    chosen = with_starts(["matched mono+cross", "mono"])
    assert [control.name for control in chosen] == ["matched mono", "matched mono+cross", "mono"]


def test_the_list_can_be_given_on_the_command_line() -> None:
    made = parse_recipe("x", "y", ["--full.controls", "[mono,matched mono+cross]"])
    assert made.full.controls == ["mono", "matched mono+cross"]
    with pytest.raises(SettingsError, match=r"full\.controls"):
        parse_recipe("x", "y", ["--full.controls", "[many]"])
    with pytest.raises(SettingsError, match=r"full\.controls is empty"):
        parse_recipe("x", "y", ["--full.controls", "[]"])


def test_alignment_has_no_rows_of_the_pivot() -> None:
    for name in ("mono+cross", "cross", "matched mono+cross"):
        assert CONTROLS[name].languages(recipe()) == ["deu", "kaz"]
        with pytest.raises(SettingsError, match=r"needs a language other than the pivot 'eng'"):
            CONTROLS[name].languages(Recipe(languages="eng"))
    assert CONTROLS["mono"].languages(recipe()) == ["eng", "deu", "kaz"]


def test_a_pivot_without_relations_of_its_own_has_no_rows_where_relations_are_learnt(tmp_path: Path) -> None:
    matched = CONTROLS["matched mono"]
    own = str(tmp_path / "eng-{language}.tsv")
    assert matched.languages(recipe(relations=own)) == ["deu", "kaz"]
    (tmp_path / "eng-eng.tsv").write_text("a\tb\n")
    assert matched.languages(recipe(relations=own)) == ["eng", "deu", "kaz"]
    assert matched.languages(recipe("contrastive")) == ["eng", "deu", "kaz"]
    columns = recipe(relations=str(tmp_path / "eng-eng.tsv"))
    columns.se.relations.columns = ["{pivot}", "{language}"]  # both columns are the pivot's sentence
    assert matched.languages(columns) == ["deu", "kaz"]


def test_the_kinds_of_rows_are_the_papers_or_the_modules() -> None:
    made = recipe()
    made.cla.objectives = ["balanced", "parallel"]
    made.se.related = made.cla.related = ["tur"]
    kinds = {
        name: [(part.kind, part.language) for part in control.sources(made, "deu")]
        for name, control in CONTROLS.items()
    }
    assert kinds == {
        "mono": [("contrastive", "deu")],
        "mono+cross": [("paraphrase", "deu"), ("parallel", "deu")],
        "cross": [("paraphrase", "deu"), ("parallel", "deu")],
        "matched mono": [("relational", "deu")],
        "matched mono+cross": [("graded", "deu"), ("parallel", "deu")],
    }
    shares = {name: sum(part.share for part in control.sources(made, "deu")) for name, control in CONTROLS.items()}
    assert shares == dict.fromkeys(CONTROLS, 1.0)
