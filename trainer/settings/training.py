"""The `training` settings of each phase: fields of transformers' TrainingArguments, with this project's defaults."""

from __future__ import annotations

from typing import Any

from trainer.settings.errors import SettingsError
from trainer.settings.fields import check_fields

# These override transformers' defaults in every phase.
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
    # These override the settings of `se` and `cla`: full fine-tuning has a lower learning rate, larger checkpoints.
    "full": {"learning_rate": 2e-5, "save_steps": 100},
}


def training_values(phase: str, training: dict[str, Any]) -> dict[str, Any]:
    """The fields of `TrainingArguments` for a phase (`la`, `se`, `cla`, `full`): defaults, overridden by the recipe.

    Raises:
        SettingsError: a field does not exist (the message names the most similar one), or a recipe cannot set it.
    """
    check_fields(training)
    values = TRAINING_DEFAULTS[phase] | training
    # YAML reads a plain `no` as false.
    return {name: "no" if name.endswith("_strategy") and value is False else value for name, value in values.items()}


def check_training(phase: str, training: dict[str, Any], eval_share: float | None) -> None:
    """Refuse fields that do not exist, numbers outside a field's range, and evaluation without evaluation rows.

    Args:
        phase: `la`, `se`, `cla` or `full`.
        training: the fields that the recipe sets for the phase.
        eval_share: share of the rows that is kept for evaluation; None if the phase has no such setting of its own.

    Raises:
        SettingsError: a setting is refused.
    """
    values = training_values(phase, training)
    if eval_share is None:
        return
    if eval_share == 0 and (values.get("eval_strategy", "no") != "no" or values.get("eval_on_start")):
        raise SettingsError(
            f"{phase}.training.eval_strategy needs rows to evaluate on: set {phase}.eval_share, such as 0.01"
        )
