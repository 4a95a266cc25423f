"""Checkpoints of a phase: each is sealed when complete, and all processes resume from the same one."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from transformers import TrainerState

from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import sha256, write_text

logger = logging.getLogger(__name__)

WEIGHTS = "trained.safetensors"
STATE = "trainer_state.json"
_SEAL = "complete.json"
_PREFIX = "checkpoint-"
_NEEDED = {WEIGHTS, STATE, "optimizer.pt", "scheduler.pt"}


class TrainingError(AdaptersHubError):
    """Training cannot continue; the checkpoints written so far are kept."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Attributes:
        folder: its folder.
        step: the step after which it was written.
        processes: number of processes that wrote it.
        progress: the progress that `seal` recorded.
    """

    folder: Path
    step: int
    processes: int
    progress: dict[str, Any]

    def state(self) -> TrainerState:
        """The trainer's state."""
        return TrainerState.load_from_json(str(self.folder / STATE))  # type: ignore[no-any-return]

    def is_last(self) -> bool:
        """Whether the checkpoint was written after the last training step."""
        return self.step >= self.state().max_steps


def seal(folder: Path, processes: int, progress: dict[str, Any]) -> None:
    """Mark a checkpoint as complete and record the hashes of its files; every process must have written its files.

    `progress` holds further values that a resumed run needs; JSON-serialisable.
    """
    files = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file() and path.name != _SEAL}
    write_text(folder / _SEAL, json.dumps({"processes": processes, "progress": progress, "sha256": files}))


def complete_checkpoints(folder: Path) -> dict[int, Checkpoint]:
    """The complete checkpoints by step; damaged and half-written ones are left out."""
    found = {}
    for path in folder.glob(f"{_PREFIX}*"):
        try:
            step = int(path.name.removeprefix(_PREFIX))
            values = json.loads((path / _SEAL).read_text(encoding="utf-8"))
            checkpoint = Checkpoint(path, step, int(values["processes"]), dict(values["progress"]))
            files = dict(values["sha256"])
            if files.keys() >= _NEEDED and all(sha256(path / name) == files[name] for name in files):
                found[step] = checkpoint
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return found


def last_complete_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest complete checkpoint on this machine."""
    found = complete_checkpoints(folder)
    return found[max(found)] if found else None


def checkpoint_to_resume(folder: Path, processes: int) -> Checkpoint | None:
    """The newest complete checkpoint that all processes have; None if training must start at the first step.

    All processes must call this function. Delete newer and damaged checkpoints afterwards with `delete_others`.

    Raises:
        TrainingError: the checkpoint was written by another number of processes, so the batches would differ.
    """
    own = complete_checkpoints(folder)
    held = gather_object([{step: checkpoint.processes for step, checkpoint in own.items()}])
    common = set.intersection(*(set(steps) for steps in held))
    usable = [step for step in common if all(steps[step] == processes for steps in held)]
    if usable:
        return own[max(usable)]
    if common:
        before = own[max(common)].processes
        raise TrainingError(
            f"{folder} was begun with {_number(before)} and cannot be resumed with {_number(processes)}, because the "
            f"batches would differ: start with --num_processes {before}, or delete that folder to restart the phase"
        )
    if any(held):
        logger.warning("%s: no complete checkpoint is on all machines; restarting this phase", folder)
    elif any(gather_object([any(folder.glob(f"{_PREFIX}*"))])):
        logger.warning("%s holds only half-written or damaged checkpoints; restarting this phase", folder)
    return None


def delete_others(folder: Path, kept: Checkpoint | None) -> None:
    """Delete the checkpoints after the one to resume from: they are damaged, or not on all machines."""
    for path in folder.glob(f"{_PREFIX}*"):
        step = path.name.removeprefix(_PREFIX)
        if kept is None or not step.isdecimal() or int(step) > kept.step:
            shutil.rmtree(path, ignore_errors=True)


def _number(processes: int) -> str:
    return f"{processes} process{'es' if processes > 1 else ''}"
