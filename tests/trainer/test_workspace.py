"""The check that a finished module is the one that is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters_hub import BaseEncoder
from adapters_hub.format import LanguageModuleManifest
from adapters_hub.modules import save_language_module
from tests.adapters_hub.builders import language_manifest, language_parts
from tests.conftest import build_tokenizer
from trainer.runs.identity import check_same_settings, describe, finished
from trainer.runs.workspace import Workspace
from trainer.settings import DataSource, Recipe, SettingsError


def test_another_split_of_a_dataset_is_another_module() -> None:
    def settings(data: DataSource) -> dict[str, object]:
        recipe = Recipe()
        recipe.se.data = data
        return describe(recipe.se, recipe, "deu")

    finished = settings(DataSource("org/pairs"))
    check_same_settings(Path("out"), finished, settings(DataSource("org/pairs", split="train")))
    with pytest.raises(SettingsError, match="data.split: None, now 'validation'"):
        check_same_settings(Path("out"), finished, settings(DataSource("org/pairs", split="validation")))


@pytest.mark.parametrize("file", ["module.json", "tokenizer.json", "embeddings.safetensors"])
@pytest.mark.parametrize("damage", ["half", "zeros"])
def test_a_finished_module_that_is_damaged_is_not_passed_off_as_done(
    bases: Callable[[str], BaseEncoder], tmp_path: Path, file: str, damage: str
) -> None:
    base, target = bases("bert"), tmp_path / "deu"
    parts = language_parts(base, tmp_path / "parts", "deu", 1, build_tokenizer("wordpiece", 300))
    manifest = language_manifest(base, "deu", training={"settings": {"seed": 3}})
    save_language_module(target, manifest, parts)
    assert finished(target, LanguageModuleManifest, overwrite=False) == {"seed": 3}
    content = (target / file).read_bytes()
    (target / file).write_bytes(content[: len(content) // 2] + (bytes(len(content) // 2) if damage == "zeros" else b""))
    with pytest.raises(SettingsError, match=f"--overwrite true trains {target} again") as caught:
        finished(target, LanguageModuleManifest, overwrite=False)
    assert "\n" not in str(caught.value)
    assert finished(target, LanguageModuleManifest, overwrite=True) is None
    assert finished(tmp_path / "kaz", LanguageModuleManifest, overwrite=False) is None


DAMAGE: dict[str, Callable[[Path], None]] = {
    "facts that are no JSON": lambda result: (result / "facts.json").write_text("{", encoding="utf-8"),
    "other weights": lambda result: (result / "inner" / "weights").write_bytes(b"0000"),
    "a file too few": lambda result: (result / "inner" / "weights").unlink(),
    "a file too many": lambda result: (result / "more").touch(),
    "no list of hashes": lambda result: (result / "sha256.json").unlink(),
    "a folder for a file": lambda result: ((result / "facts.json").unlink(), (result / "facts.json").mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_result_that_is_damaged_is_made_again(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    def write(result: Path) -> dict[str, int]:
        (result / "inner").mkdir()
        (result / "inner" / "weights").write_bytes(b"1234")
        return {"steps": 3}

    folder = Workspace(tmp_path, "deu").phase("la", {"seed": 1})
    folder.finish(write)
    assert Workspace(tmp_path, "deu").phase("la", {"seed": 1}).facts() == {"steps": 3}
    DAMAGE[damage](folder.result)
    again = Workspace(tmp_path, "deu").phase("la", {"seed": 1})
    assert not again.is_finished()
    assert "is damaged: running the phase again" in caplog.text
    again.finish(write)
    assert again.is_finished()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"null", b"{}"])
def test_settings_that_are_damaged_start_the_phase_anew(tmp_path: Path, content: bytes) -> None:
    folder = Workspace(tmp_path, "deu").phase("la", {"seed": 1})
    folder.checkpoints.mkdir()
    (folder.path / "settings.json").write_bytes(content)
    again = Workspace(tmp_path, "deu").phase("la", {"seed": 1})
    assert not again.checkpoints.exists()
    shutil.rmtree(again.path)
