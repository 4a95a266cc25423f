"""Try out a recipe's training settings before any data is read or any model trained."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import PartialState
from transformers import Trainer, get_scheduler
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from trainer.settings import TRAINING_DEFAULTS, Recipe, SettingsError
from trainer.training.arguments import training_arguments
from trainer.training.checkpoints import TrainingError


def check_trainable(recipe: Recipe) -> None:
    """Refuse training settings that transformers refuses, or that need a package that is not installed.

    Raises:
        SettingsError: names the phase, and says why.
    """
    for phase in TRAINING_DEFAULTS:
        if not (training := getattr(recipe, phase).training):
            continue
        try:
            _try(training, "se" if phase == "full" else phase, recipe)
        except TrainingError as error:
            raise SettingsError(f"{phase}: {error}") from error
        except Exception as error:  # whatever optimizers, schedulers and reporters raise
            told = (str(error).strip() or repr(error)).splitlines()[0]
            raise SettingsError(f"{phase}.training cannot be used: {told}") from error


def _try(training: dict[str, object], phase: str, recipe: Recipe) -> None:
    state = dict(PartialState._shared_state)
    try:
        arguments = training_arguments(phase, training, Path(recipe.output_dir), recipe.seed)
    finally:
        # Creating the arguments changes the shared state of the processes; this trial must leave it as it was.
        PartialState._shared_state.clear()
        PartialState._shared_state.update(state)
    names = arguments.report_to or []
    for name in [names] if isinstance(names, str) else names:
        if name not in INTEGRATION_TO_CALLBACK:
            raise ValueError(f"report_to takes {', '.join(INTEGRATION_TO_CALLBACK)}, not {name!r}")
        try:
            INTEGRATION_TO_CALLBACK[name]()
        except Exception as error:  # each integration raises errors of its own
            raise ValueError(f"report_to {name}: {error} (or leave report_to out)") from error
    Trainer.get_optimizer_cls_and_kwargs(arguments)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    options = arguments.lr_scheduler_kwargs
    get_scheduler(arguments.lr_scheduler_type, optimizer, 1, 10, scheduler_specific_kwargs=options)  # type: ignore[arg-type]
