"""Read a recipe: YAML files, and the command-line options that override them."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace

from trainer.runs.probing import check_trainable
from trainer.settings import RECIPES, Recipe, SettingsError
from trainer.settings.files import merged_values, over

_TYPE = re.compile(r"typing\.Literal\[(.*)\]|<class '(.*)'>")


def parse_recipe(prog: str, description: str, arguments: Sequence[str] | None = None) -> Recipe:
    """Read the recipes, and the options that override them; without `--recipe`, the quickstart's.

    Raises:
        SystemExit: for `--help`.
        SettingsError: a setting cannot be parsed, or values contradict each other.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not any(argument.split("=")[0] == "--recipe" for argument in arguments):
        arguments = ["--recipe", str(RECIPES / "quickstart.yaml"), *arguments]
    parser = ArgumentParser(
        prog=prog,
        exit_on_error=False,
        description=description,
        epilog="The `training` settings take the fields of transformers.TrainingArguments; fields that would have no "
        "effect here, or a harmful one, are refused with the reason.",
    )
    parser.add_argument(
        "--recipe",
        action="config",
        help="YAML file of settings; later recipes and all options override it. Default: quickstart.yaml",
    )
    parser.add_class_arguments(Recipe, None)
    values = parse_line(parser, _with_one_recipe(arguments))
    settings = vars(parser.instantiate(values))
    recipe = Recipe(**{item.name: settings[item.name] for item in dataclasses.fields(Recipe)})
    recipe.check()
    check_trainable(recipe)
    return recipe


def parse_line(parser: ArgumentParser, arguments: Sequence[str] | None) -> Namespace:
    """Parse a command line, by default this process's, with a parser made with `exit_on_error=False`.

    Raises:
        SystemExit: for `--help`.
        SettingsError: an argument cannot be parsed; the message is one line, without the usage text.
    """
    try:
        return parser.parse_args(arguments)
    except argparse.ArgumentError as error:
        raise SettingsError(f"{_in_one_line(str(error))} (--help explains every setting)") from error


def parse_values(parser: ArgumentParser, values: dict[str, Any], where: str) -> Namespace:
    """Check values that were read from a file, with a parser made with `exit_on_error=False`.

    Raises:
        SettingsError: a value has the wrong type; the message is one line, and says where.
    """
    try:
        parsed: Namespace = parser.parse_object(values)
        return parsed
    except argparse.ArgumentError as error:
        raise SettingsError(f"{where}: {_in_one_line(str(error))}") from error


def _in_one_line(message: str) -> str:
    """Turn the parser's message of several lines into one, without Python's notation for types."""
    message = message.removeprefix("error: ")
    key = re.search(r'Parser key "([\w.]+)"', message)
    kinds = re.findall(r"Expected an? (.+?)(?:\. Got value|$)", message, re.MULTILINE)
    found = re.search(r"(?:Got value|Given value): (.*)", message)
    if key and kinds and found:
        wanted = [_TYPE.sub(lambda type_: type_[1] or type_[2], kind) for kind in kinds if "NoneType" not in kind]
        return f"{key[1]} must be {' or '.join(wanted)}, not {found[1]!r}"
    return " ".join(re.sub(r'Parser key "([\w.]+)"', r"\1", message).split())


def _with_one_recipe(arguments: Sequence[str]) -> list[str]:
    """Put a single recipe first, which holds all that were named and those that they extend, merged in their order.

    The parser itself would replace the whole `training` of a recipe by that of a later one.
    """
    values: dict[str, Any] = {}
    others: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        name, _, path = argument.partition("=")
        if name == "--recipe" and (path := path or next(waiting, "")):
            values = over(values, merged_values(Path(path)))
        else:
            others.append(argument)
    return [f"--recipe={yaml.safe_dump(values)}", *others]
