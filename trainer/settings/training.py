"""The part of a recipe that is transformers' own: fields of TrainingArguments, with our defaults for each phase."""

from __future__ import annotations

from typing import Any

from trainer.settings.errors import SettingsError
from trainer.settings.fields import check_fields

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


def training_values(phase: str, training: dict[str, Any]) -> dict[str, Any]:
    """The recipe's fields of `TrainingArguments` over our defaults for a phase (`la`, `se`, `cla`, `full`).

    Raises:
        SettingsError: a field that does not exist (with the nearest one that does), or that is not for recipes.
    """
    check_fields(training)
    values = TRAINING_DEFAULTS[phase] | training
    # YAML takes a plain `no` for false.
    return {name: "no" if name.endswith("_strategy") and value is False else value for name, value in values.items()}


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
    if eval_share == 0 and (values.get("eval_strategy", "no") != "no" or values.get("eval_on_start")):
        raise SettingsError(
            f"{phase}.training.eval_strategy needs rows to evaluate on: set {phase}.eval_share, such as 0.01"
        )
