"""The trainer of all phases: a `transformers.Trainer` that trains part of a model and resumes exactly."""

from __future__ import annotations

import contextlib
import logging
import math
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import torch
from accelerate.utils import broadcast_object_list, gather_object
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState
from transformers import TrainingArguments as Arguments
from transformers.integrations.integration_utils import TensorBoardCallback
from transformers.trainer_utils import rotate_checkpoints

from adapters_hub.errors import AdaptersHubError
from trainer.data.batches import Order, Rows
from trainer.settings import SettingsError
from trainer.training.checkpoints import (
    WEIGHTS,
    Checkpoint,
    TrainingError,
    checkpoint_to_resume,
    delete_others,
    last_complete_checkpoint,
    seal,
)
from trainer.training.clock import Clock
from trainer.training.encoder_model import EncoderModel

logger = logging.getLogger(__name__)


class PhaseTrainer(Trainer):
    """Trains the trainable parameters of an `EncoderModel` and nothing else.

    Checkpoints hold these parameters only. A run that is killed at any moment and started again ends with the same
    weights as an uninterrupted one: the order of the rows depends on seed and epoch alone, masks depend on seed and
    row, and only complete checkpoints are used.

    Args:
        model: the model.
        args: from `training_arguments`.
        rows: training rows.
        order: their order.
        collator: makes batches.
        eval_rows: rows on which the loss is evaluated, as set by `eval_strategy`.

    Raises:
        SettingsError: `eval_strategy` is set, but there are no rows to evaluate on.
    """

    model: EncoderModel
    # Losses are means over a batch; the trainer divides them by the number of accumulated batches.
    loss_is_scaled_for_ga = False

    def __init__(
        self,
        model: EncoderModel,
        args: Arguments,
        rows: Rows,
        order: Order,
        collator: Any,  # noqa: ANN401
        eval_rows: Rows | None = None,
    ) -> None:
        self._order = order
        self._clock = Clock()
        if args.eval_strategy != "no" and not eval_rows:
            raise SettingsError(
                "eval_strategy needs rows to evaluate on and there are none: set eval_share above 0, and give at least "
                "two rows of data"
            )
        if args.n_gpu > 1:
            # Otherwise nn.DataParallel would try to split the batches, which consist of passes, among the GPUs.
            hint = f"accelerate launch --multi_gpu --num_processes {args.n_gpu}"
            logger.warning("training uses only one of %d GPUs; to use all, start it with %s", args.n_gpu, hint)
            args._n_gpu = 1
        super().__init__(
            model=model,  # type: ignore[arg-type]
            args=args,
            data_collator=collator,
            train_dataset=rows,
            eval_dataset=eval_rows,
            callbacks=[_SetEpoch(order), self._clock],
        )
        self.can_return_loss = True
        autocast = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.accelerator.mixed_precision)
        if autocast is not None:
            model.hold_frozen_in(autocast)

    @property
    def folder(self) -> Path:
        """The folder of the checkpoints."""
        assert self.args.output_dir is not None
        return Path(self.args.output_dir)

    def run(self, logs: Path | None = None) -> dict[str, Any]:
        """Train to the end, from the last complete checkpoint if there is one.

        Args:
            logs: folder for TensorBoard's events; by default beside the checkpoints.

        Returns:
            The number of steps and processes, the rows of a batch over all processes, the precision, the mean loss of
            the last ten steps and the time in seconds; for the main process also the median seconds per step and the
            tokens per second without padding.

        Raises:
            TrainingError: the loss or the weights are not finite, a checkpoint cannot be written, or the checkpoint to
                resume from was written by another number of processes.
        """
        checkpoint = checkpoint_to_resume(self.folder, self.args.world_size)
        if self.args.should_save:
            delete_others(self.folder, checkpoint)
        if checkpoint:
            logger.info("resuming from %s", checkpoint.folder)
            self._clock.go_on_from(checkpoint.progress, self.args.process_index)
        for callback in self.callback_handler.callbacks:
            if isinstance(callback, TensorBoardCallback) and callback.logging_dir is None and logs is not None:
                callback.logging_dir = str(logs)
        if checkpoint and checkpoint.is_last():
            self._take(checkpoint)
        else:
            self.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)
        self._check_weights()
        losses = gather_object([list(self._clock.losses)])
        precision = self.accelerator.mixed_precision
        facts = {
            "steps": self.state.global_step,
            "processes": self.args.world_size,
            "batch": self._order.block,
            "precision": {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}.get(precision, precision),
            "loss": statistics.fmean(statistics.fmean(own) for own in losses),
            **{name: round(value, 4) for name, value in self._clock.times().items()},
        }
        return broadcast_object_list([facts])[0]  # type: ignore[no-any-return]

    def _take(self, checkpoint: Checkpoint) -> None:
        """Load the checkpoint of the last step without training; `Trainer.train` would take one more step."""
        self._load_from_checkpoint(str(checkpoint.folder))
        self.state = checkpoint.state()
        if self.args.load_best_model_at_end and self.state.best_model_checkpoint is not None:
            self._load_best_model()

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:  # noqa: ANN401
        """One forward and backward pass; raises if the loss is not finite."""
        self._clock.count(inputs["passes"])
        loss = super().training_step(model, inputs, num_items_in_batch)  # type: ignore[arg-type]
        self.check_finite(loss.item(), "loss")
        self._clock.add_loss(loss.item())
        return loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ANN401
        """The loss on the evaluation rows; leaves the random generators of training untouched."""
        with torch.random.fork_rng([self.args.device] if self.args.device.type == "cuda" else []):
            return super().evaluate(*args, **kwargs)

    def check_finite(self, value: float, what: str) -> None:
        """Stop training before a loss or gradient that is not finite changes the weights.

        Raises:
            TrainingError: `value` is not finite.
        """
        if not math.isfinite(value):
            self._stop(f"the {what} is {value} at step {self.state.global_step + 1}")

    def _check_weights(self) -> None:
        """Stop before weights that are not finite are written; after the last step nothing else would detect them.

        Raises:
            TrainingError: a weight is not finite.
        """
        for name, tensor in self.model.trained_state().items():
            if not tensor.isfinite().all():
                self._stop(f"{name} is not finite after step {self.state.global_step}")

    def _stop(self, what: str) -> NoReturn:
        last = last_complete_checkpoint(self.folder)
        raise TrainingError(
            f"{what}: a lower learning_rate or more warmup_steps may help; the last good state is "
            f"{last.folder if last else 'the start of the phase'}"
        )

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:  # noqa: ANN401
        """Create the optimizer; a refused setting or a missing package raises a one-line `TrainingError`."""
        with _told_in_one_line():
            return super().create_optimizer(*args, **kwargs)

    def create_scheduler(self, *args: Any, **kwargs: Any) -> torch.optim.lr_scheduler.LRScheduler:  # noqa: ANN401
        """Create the learning-rate schedule; a refused setting raises a one-line `TrainingError`."""
        with _told_in_one_line():
            return super().create_scheduler(*args, **kwargs)

    def _clip_grad_norm(self, model: nn.Module) -> Any:  # noqa: ANN401
        norm = super()._clip_grad_norm(model)  # type: ignore[no-untyped-call]
        if self.accelerator.scaler is None:  # float16's scaler skips a step that overflows and lowers its scale
            self.check_finite(float(norm), "gradient norm")
        return norm

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:  # noqa: ANN401
        return self._order

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:  # noqa: ANN401
        self._check_weights()
        limit, folder = self.args.save_total_limit, self.folder / f"checkpoint-{self.state.global_step}"
        try:
            if self.args.should_save:
                shutil.rmtree(folder, ignore_errors=True)  # left behind by a killed run
            self.accelerator.wait_for_everyone()
            self.args.save_total_limit = None  # older checkpoints are deleted only after the new one is sealed
            super()._save_checkpoint(model, trial)
            progress = self._clock.progress()
            self.accelerator.wait_for_everyone()  # all processes have written the state of their random generators
            if self.args.should_save:
                seal(folder, self.args.world_size, progress)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                best = self.state.best_model_checkpoint
                rotate_checkpoints(str(self.folder), save_total_limit=limit, best_model_checkpoint=best)
        except (OSError, SafetensorError, RuntimeError, AdaptersHubError) as error:
            # torch's writer raises RuntimeError on a full disk
            cause = getattr(error, "strerror", None) or (str(error) or repr(error)).splitlines()[0]
            raise TrainingError(
                f"a checkpoint could not be written to {self.args.output_dir} ({cause}): free some space and start "
                "again; the last complete one is kept"
            ) from error
        finally:
            self.args.save_total_limit = limit

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        folder = Path(output_dir or self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.cpu().contiguous() for name, tensor in self.model.trained_state().items()}
        save_file(state, folder / WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        self.model.load_trained_state(load_file(Path(resume_from_checkpoint) / WEIGHTS))

    def _load_best_model(self) -> None:
        assert self.state.best_model_checkpoint is not None
        self._load_from_checkpoint(str(self.folder / Path(self.state.best_model_checkpoint).name))


@contextlib.contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        line = (str(error).strip() or repr(error)).splitlines()[0]
        raise TrainingError(f"settings under 'training' were refused: {line}") from error


class _SetEpoch(TrainerCallback):
    """Sets the epoch of the order when an epoch begins or is resumed in the middle."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def on_epoch_begin(self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:  # noqa: ANN401
        self.order.set_epoch(int(state.epoch or 0))
