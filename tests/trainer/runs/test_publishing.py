"""The stages publish finished modules, and take modules from a hub, pinned to a commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters_hub.hub import fetch_manifest, fetch_module, push
from tests.trainer.runs.launch import STAGE1, STAGE2, Stages, manifest, write_recipe

PUSH = ("--push_to_hub", "true", "--hub_model_id", "org/mse-{name}")


def test_finished_modules_are_published_and_serve_stage_2_from_the_hub(
    modules: Path, base: Path, stages: Stages, tmp_path: Path
) -> None:
    hub = tmp_path / "hub"
    done = stages.run(STAGE1, "--recipe", modules / "recipe.yaml", "--hub", hub, *PUSH).ok()
    assert "deu is finished: skipped" in done.stderr
    assert "published as org/mse-deu@" in done.stderr
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path, modules_dir="org/mse-{language}", hub=str(hub))
    stages.run(STAGE2, "--recipe", recipe, *PUSH).ok()
    folder = tmp_path / "deu-eng-both"
    values = manifest(folder)
    for role, language in (("target", "deu"), ("pivot", "eng")):
        assert values[f"{role}_module"] == fetch_module(f"org/mse-{language}", hub).address
        assert values[f"{role}_fingerprint"] == manifest(modules / language)["fingerprint"]
    published, _ = fetch_manifest("org/mse-deu-eng-both", hub)
    assert published.fingerprint == values["fingerprint"]
    card = fetch_module("org/mse-deu-eng-both", hub, card=True).folder / "README.md"
    assert "[org/mse-deu](https://huggingface.co/org/mse-deu)" in card.read_text(encoding="utf-8")


def test_a_module_of_the_hub_stands_in_for_phases(modules: Path, base: Path, stages: Stages, tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    pushed = push(modules / "deu", "org/deu", hub=hub)
    changes = {"phases": ["se"], "start_from": "org/deu", "hub": str(hub)}
    recipe = write_recipe(tmp_path / "recipe.yaml", base, tmp_path / "out", **changes)
    stages.run(STAGE1, "--recipe", recipe).ok()
    started = manifest(tmp_path / "out" / "deu")["training"]["phases"]["start_from"]
    assert started["path"] == f"org/deu@{pushed.commit}"


@pytest.mark.parametrize("repo", ["org/mse", "mse-{name}", "org/mse-{name}@main", "../{name}"])
def test_publishing_needs_a_repo_for_every_module(modules: Path, stages: Stages, repo: str) -> None:
    recipe = modules / "recipe.yaml"
    line = stages.run(STAGE1, "--recipe", recipe, "--push_to_hub", "true", "--hub_model_id", repo).error_line()
    assert "--push_to_hub needs --hub_model_id, a repo with {name} in it" in line
    assert repo in line


def test_what_cannot_be_published_is_named_at_the_end_and_lies_in_its_folder(
    modules: Path, stages: Stages, tmp_path: Path
) -> None:
    (tmp_path / "hub").write_text("a file", encoding="utf-8")
    line = stages.run(STAGE1, "--recipe", modules / "recipe.yaml", "--hub", tmp_path / "hub", *PUSH).error_line()
    assert line.startswith(f"error: not published: {modules / 'eng'}, {modules / 'deu'};")
