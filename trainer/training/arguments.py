"""The `TrainingArguments` of a phase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import HfArgumentParser
from transformers import TrainingArguments as Arguments

from trainer.settings import training_values
from trainer.training.checkpoints import TrainingError


class PhaseArguments(Arguments):
    """`TrainingArguments` of a phase.

    Attributes:
        writes: whether this process writes the checkpoints; None if transformers decides.
    """

    writes: bool | None = None

    @property
    def should_save(self) -> bool:
        """Whether this process writes; transformers asks before it writes a checkpoint."""
        return bool(super().should_save) if self.writes is None else self.writes


def training_arguments(
    phase: str, training: dict[str, Any], folder: Path, seed: int, writes: bool | None = None
) -> PhaseArguments:
    """The `TrainingArguments` of a phase: defaults, the recipe's fields, and the fields that the trainers rely on.

    Args:
        phase: `la`, `se`, `cla` or `full`.
        training: the fields that the recipe sets.
        folder: folder of the checkpoints.
        seed: the recipe's seed.
        writes: whether this process writes the checkpoints; by default the main process does.

    Raises:
        TrainingError: transformers refuses the values.
    """
    fixed = {
        "output_dir": str(folder),
        "seed": seed,
        "remove_unused_columns": False,
        "label_names": [],
        "logging_nan_inf_filter": False,
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
    try:
        (arguments,) = HfArgumentParser(PhaseArguments).parse_dict(training_values(phase, training) | fixed)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise TrainingError(f"settings under 'training' were refused: {str(error).splitlines()[0]}") from error
    arguments.writes = writes
    return arguments  # type: ignore[no-any-return]
