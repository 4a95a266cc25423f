"""What is compared before a finished module is taken for the one that is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.settings import DataSource, Recipe, SettingsError
from trainer.workspace import check_same_settings, describe


def test_another_split_of_a_dataset_is_another_module() -> None:
    def settings(data: DataSource) -> dict[str, object]:
        recipe = Recipe()
        recipe.se.data = data
        return describe(recipe.se, recipe, "deu")

    finished = settings(DataSource("org/pairs"))
    check_same_settings(Path("out"), finished, settings(DataSource("org/pairs", split="train")))
    with pytest.raises(SettingsError, match="data.split: None, now 'validation'"):
        check_same_settings(Path("out"), finished, settings(DataSource("org/pairs", split="validation")))
