"""Check the fields of TrainingArguments in a recipe: fields that would have no effect or do harm are refused."""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
from typing import Any

from transformers import TrainingArguments

from trainer.settings.errors import SettingsError

_BY_THE_STAGES = "the stages set it themselves"
_REFUSED: dict[str, tuple[str, ...]] = {
    _BY_THE_STAGES: (
        "output_dir", "seed", "data_seed", "remove_unused_columns", "push_to_hub", "resume_from_checkpoint",
        "label_names", "logging_nan_inf_filter", "ddp_find_unused_parameters", "dataloader_pin_memory", "local_rank",
    ),
    "every process holds the whole base: accelerate launch --num_processes N shares the batch among devices": (
        "fsdp", "fsdp_config", "deepspeed", "parallelism_config",
    ),
    "tokens_per_pass and gradient_cache limit the memory that a batch takes": ("auto_find_batch_size",),
    "the loss is a mean over all processes": ("average_tokens_across_devices",),
    "a stopped run could not resume from its checkpoints and end with the same weights": (
        "save_only_model", "ignore_data_skip", "enable_jit_checkpoint", "dataloader_in_order",
    ),
    "the order of the rows depends on the seed alone": (
        "train_sampling_strategy", "length_column_name", "accelerator_config",
    ),
    "it would be written into the module; to publish, use the recipe's own hub settings": (
        "hub_token", "hub_model_id", "hub_strategy", "hub_private_repo", "hub_always_push", "hub_revision",
    ),
    "it is for transformers' own models and losses": (
        "label_smoothing_factor", "neftune_noise_alpha", "use_liger_kernel", "liger_kernel_config", "use_cache",
        "optim_target_modules",
    ),
    "input lengths vary, and torch would compile again for each length": (
        "torch_compile", "torch_compile_backend", "torch_compile_mode",
    ),
    "the stages always train, and they evaluate the loss only": (
        "do_train", "do_eval", "do_predict", "include_for_metrics", "include_num_input_tokens_seen",
        "batch_eval_metrics", "prediction_loss_only", "eval_do_concat_batches", "eval_use_gather_object",
        "eval_accumulation_steps", "bf16_full_eval", "fp16_full_eval", "restore_callback_states_from_checkpoint",
    ),
}  # fmt: skip
"""Refused fields by the reason that an error message gives."""
_REASONS = {name: reason for reason, names in _REFUSED.items() for name in names}
TRAINING_FIXED = _REFUSED[_BY_THE_STAGES]
"""Fields that the trainers rely on; a recipe cannot set these, not even to their default."""
_WITH_WORKERS = ("dataloader_persistent_workers", "dataloader_prefetch_factor", "dataloader_multiprocessing_context")
_METRICS = ("loss", "eval_loss")
# Fields in which a negative value or 0 means "none".
_ANY_SIGN = ("max_steps", "past_index", "torch_empty_cache_steps")
_ABOVE_0 = ("_batch_size", "_steps", "num_train_epochs")


def check_fields(training: dict[str, Any]) -> None:
    """Refuse fields that do not exist, that a recipe cannot set, or that contradict each other.

    Raises:
        SettingsError: a field is refused; names the first one, with the most similar existing field or the reason.
    """
    known = {item.name: item for item in dataclasses.fields(TrainingArguments) if item.init}
    for name, value in training.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"'training' takes fields of transformers.TrainingArguments, not {name!r}{hint}")
        if name in TRAINING_FIXED:
            raise SettingsError(f"{name!r} cannot be set under 'training': {_BY_THE_STAGES}")
        if name in _REASONS and not _is_default(value, known[name]):
            raise SettingsError(f"{name!r} cannot be set under 'training': {_REASONS[name]}; leave it out")
        if value is not None or known[name].default is not None:  # some default to None against their type
            _check_number(name, known[name].type, value)
    if (metric := training.get("metric_for_best_model")) not in (None, *_METRICS):
        raise SettingsError(
            f"'metric_for_best_model' under 'training' must be loss, not {metric!r}: no other metric is computed"
        )
    if not training.get("dataloader_num_workers"):
        for name in _WITH_WORKERS:
            if training.get(name):
                raise SettingsError(f"{name!r} under 'training' needs dataloader_num_workers of 1 or more")


def _is_default(value: Any, item: dataclasses.Field[Any]) -> bool:  # noqa: ANN401
    if item.default is dataclasses.MISSING:
        return not value
    return value == item.default or (not value and item.default in (None, False, "no"))  # YAML reads `no` as false


def _check_number(name: str, kind: Any, value: Any) -> None:  # noqa: ANN401
    """Refuse a numeric field's value that is no finite number, or is below 0 (numbers of steps, rows, epochs: below 1).

    Raises:
        SettingsError: the value is refused.
    """
    kinds = set(typing.get_args(kind) or (kind,))
    if not {int, float} & kinds or kinds & {str, dict, bool} or (value is None and type(None) in kinds):
        return
    what = f"{name!r} under 'training'"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SettingsError(f"{what} must be a number, not {value!r}")
    if not math.isfinite(value):
        raise SettingsError(f"{what} must be finite, not {value}")
    if float not in kinds and value != int(value):
        raise SettingsError(f"{what} must be a whole number, not {value}")
    if name in _ANY_SIGN:
        return
    if value < 0 or (value == 0 and name.endswith(_ABOVE_0) and name != "warmup_steps"):
        raise SettingsError(f"{what} must be {'above' if name.endswith(_ABOVE_0) else 'at least'} 0, not {value}")
