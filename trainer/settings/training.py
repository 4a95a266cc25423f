"""The part of a recipe that is transformers' own: fields of TrainingArguments, with our defaults for each phase."""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
from typing import Any

from transformers import TrainingArguments

from trainer.settings.errors import SettingsError

# Over transformers' own defaults, for every phase.
_COMMON: dict[str, Any] = {
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 0.1,
    "adam_epsilon": 1e-6,
    "num_train_epochs": 1,
    "logging_steps": 10,
    "save_strategy": "steps",
    "save_steps": 100,
    "save_total_limit": 2,
    "report_to": "none",
    "disable_tqdm": False,
}
TRAINING_DEFAULTS: dict[str, dict[str, Any]] = {
    "la": _COMMON | {"per_device_train_batch_size": 32, "learning_rate": 5e-4},
    "se": _COMMON | {"per_device_train_batch_size": 64, "learning_rate": 2e-4, "dataloader_drop_last": True},
    "cla": _COMMON | {"per_device_train_batch_size": 128, "learning_rate": 1e-4, "dataloader_drop_last": True},
    # Over what `se` and `cla` say: a step of full fine-tuning is smaller, its checkpoints are larger.
    "full": {"learning_rate": 2e-5, "save_steps": 100},
}
# What the trainers rely on; a recipe cannot set these.
TRAINING_FIXED = ("output_dir", "seed", "data_seed", "remove_unused_columns", "push_to_hub", "resume_from_checkpoint")
# -1, or 0, stands for none.
_ANY_SIGN = ("max_steps", "local_rank", "past_index", "eval_accumulation_steps", "torch_empty_cache_steps")
_ABOVE_0 = ("_batch_size", "_steps", "num_train_epochs")


def training_values(phase: str, training: dict[str, Any]) -> dict[str, Any]:
    """The recipe's fields of `TrainingArguments` over our defaults for a phase (`la`, `se`, `cla`, `full`).

    Raises:
        SettingsError: a field that does not exist (with the nearest one that does), or that is not for recipes.
    """
    known = {item.name: item.type for item in dataclasses.fields(TrainingArguments) if item.init}
    for name, value in training.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"'training' takes fields of transformers.TrainingArguments, not {name!r}{hint}")
        if name in TRAINING_FIXED:
            raise SettingsError(f"{name!r} cannot be set under 'training': the stages set it themselves")
        _check_number(name, known[name], value)
    values = TRAINING_DEFAULTS[phase] | training
    # YAML takes a plain `no` for false.
    return {name: "no" if name.endswith("_strategy") and value is False else value for name, value in values.items()}


def _check_number(name: str, kind: Any, value: Any) -> None:  # noqa: ANN401
    """Refuse what is not a number where one is due, is not finite, or is below 0 (or at 0, of steps, rows, epochs)."""
    kinds = set(typing.get_args(kind) or (kind,))
    if not {int, float} & kinds or kinds & {str, dict, bool} or (value is None and type(None) in kinds):
        return
    what = f"{name!r} under 'training'"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SettingsError(f"{what} is to be a number, not {value!r}")
    if not math.isfinite(value):
        raise SettingsError(f"{what} is to be finite, not {value}")
    if float not in kinds and value != int(value):
        raise SettingsError(f"{what} is to be a whole number, not {value}")
    if name in _ANY_SIGN:
        return
    if value < 0 or (value == 0 and name.endswith(_ABOVE_0) and name != "warmup_steps"):
        raise SettingsError(f"{what} must be {'above' if name.endswith(_ABOVE_0) else 'at least'} 0, not {value}")


def check_training(phase: str, training: dict[str, Any], eval_share: float | None) -> None:
    """Refuse fields that do not exist, numbers that they do not take, and an evaluation without rows.

    Args:
        phase: `la`, `se`, `cla` or `full`.
        training: what the recipe says for it.
        eval_share: share of the rows that is kept for evaluation; None: the phase takes another's.

    Raises:
        SettingsError: there are such.
    """
    values = training_values(phase, training)
    if eval_share is None:
        return
    if eval_share == 0 and values.get("eval_strategy", "no") != "no":
        raise SettingsError(
            f"{phase}.training.eval_strategy needs rows to evaluate on: set {phase}.eval_share, such as 0.01"
        )
