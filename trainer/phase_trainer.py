"""What all phases share: a `transformers.Trainer` that trains a part of a model, exactly resumable."""

from __future__ import annotations

import json
import logging
import math
import statistics
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import Sampler
from transformers import HfArgumentParser, PreTrainedModel, Trainer, TrainerCallback, TrainerControl, TrainerState
from transformers import TrainingArguments as Arguments
from transformers.integrations.integration_utils import TensorBoardCallback

from adapters_hub.errors import AdaptersHubError
from trainer.batches import Order, Rows
from trainer.dropout import with_cheap_dropout
from trainer.frozen import FrozenDense
from trainer.settings import TRAINING_FIXED, SettingsError, training_values

logger = logging.getLogger(__name__)

_WEIGHTS = "trained.safetensors"
_STATE = "trainer_state.json"
_CHECKPOINTING = ("activation_checkpointing_enable", "gradient_checkpointing_enable")


class TrainingError(AdaptersHubError):
    """Training cannot go on; what was reached is kept."""


def training_arguments(phase: str, training: dict[str, Any], folder: Path, seed: int) -> Arguments:
    """The phase's `TrainingArguments`: the recipe's over our defaults, and what the trainers rely on."""
    fixed = {
        "output_dir": str(folder),
        "seed": seed,
        "remove_unused_columns": False,
        "label_names": [],
        "logging_nan_inf_filter": False,
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
    assert not set(TRAINING_FIXED) & set(training)
    try:
        (arguments,) = HfArgumentParser(Arguments).parse_dict(training_values(phase, training) | fixed)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise TrainingError(f"settings under 'training' do not fit: {str(error).splitlines()[0]}") from error
    return arguments  # type: ignore[no-any-return]


class EncoderModel(nn.Module):
    """A frozen transformer with something trainable in or on it; the wrapper that a phase trains.

    Args:
        backbone: the transformer.
    """

    def __init__(self, backbone: PreTrainedModel) -> None:
        super().__init__()
        self.backbone = backbone

    def hidden_states(self, passes: list[dict[str, torch.Tensor]]) -> Iterator[torch.Tensor]:
        """Last hidden states `[n, tokens, dim]` of each pass, one after the other.

        Where the token embeddings are trained, every token of the step is looked up once for all passes: each lookup
        has a gradient of the size of the vocabulary.
        """
        embedding = self.backbone.get_input_embeddings()
        assert isinstance(embedding, nn.Embedding)
        inputs = [{"input_ids": part["input_ids"]} for part in passes]
        if embedding.weight.requires_grad:
            ids = torch.cat([part["input_ids"].flatten() for part in passes])
            distinct, places = torch.unique(ids, return_inverse=True)
            rows = embedding(distinct)
            sizes = [part["input_ids"].numel() for part in passes]
            inputs = [
                {"inputs_embeds": nn.functional.embedding(own.view_as(part["input_ids"]), rows)}
                for part, own in zip(passes, places.split(sizes), strict=True)
            ]
        for part, given in zip(passes, inputs, strict=True):
            yield self.backbone(**given, attention_mask=part["attention_mask"]).last_hidden_state

    def trained_state(self) -> dict[str, torch.Tensor]:
        """Names and tensors of everything that is trained."""
        return {name: parameter.detach() for name, parameter in self.named_parameters() if parameter.requires_grad}

    def load_trained_state(self, state: dict[str, torch.Tensor]) -> None:
        """The inverse of `trained_state`."""
        own = self.trained_state()
        if own.keys() != state.keys():
            raise TrainingError("a checkpoint holds other parameters than this phase trains: delete its folder")
        for name, tensor in state.items():
            own[name].copy_(tensor)

    def hold_frozen_in(self, dtype: torch.dtype) -> None:
        """Keep frozen dense layers in the precision of autocast, which else casts them to it anew in every pass."""
        for layer in list(self.backbone.modules()):
            if isinstance(layer, nn.Linear) and not any(parameter.requires_grad for parameter in layer.parameters()):
                FrozenDense.take_over(layer, dtype)

    def activation_checkpointing_enable(
        self,
        activation_checkpointing_kwargs: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """What `TrainingArguments.activation_checkpointing` calls: blocks are computed once more on the way back."""
        self.backbone.enable_input_require_grads()
        name = next(name for name in _CHECKPOINTING if hasattr(self.backbone, name))
        getattr(self.backbone, name)(activation_checkpointing_kwargs or {"use_reentrant": False}, **options)

    def gradient_checkpointing_enable(
        self,
        gradient_checkpointing_kwargs: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """The same, as transformers calls it before version 5.23."""
        self.activation_checkpointing_enable(gradient_checkpointing_kwargs, **options)


class PhaseTrainer(Trainer):
    """Trains the trainable parameters of an `EncoderModel` and nothing else.

    Its checkpoints hold these parameters only. Killed at any moment and started again, it ends with the same weights
    as an uninterrupted run: the order of the rows depends on seed and epoch alone, masks on seed and row, and a
    checkpoint counts only when it is complete.

    Args:
        model: the model.
        args: from `training_arguments`.
        rows: training rows.
        order: their order.
        collator: makes batches.
        eval_rows: rows to compute the loss on, where `eval_strategy` asks for it.

    Raises:
        SettingsError: it does, and there are none.
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
        self._clock = _Clock()
        if args.eval_strategy != "no" and not eval_rows:
            raise SettingsError(
                "eval_strategy needs rows to evaluate on and there are none: set eval_share above 0; of a single row "
                "none is kept"
            )
        if args.n_gpu > 1:
            # nn.DataParallel would cut the batches, which come in passes, among them.
            hint = f"accelerate launch --multi_gpu --num_processes {args.n_gpu}"
            logger.warning("one GPU of %d is used: %s uses all", args.n_gpu, hint)
            args._n_gpu = 1
        with_cheap_dropout(model)
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
        """Where the checkpoints are."""
        assert self.args.output_dir is not None
        return Path(self.args.output_dir)

    def run(self, logs: Path | None = None) -> dict[str, Any]:
        """Train from the last complete checkpoint, or from the start, to the end.

        Args:
            logs: where TensorBoard's events go; by default beside the checkpoints.

        Returns:
            Steps, processes, rows of a batch over all of them, precision, final loss, seconds, and of the process:
            median seconds of a step, and tokens a second, padding left out.

        Raises:
            TrainingError: the loss is not finite, or the disk cannot take a checkpoint.
        """
        folder = self.folder
        checkpoint = last_complete_checkpoint(folder, self.args.world_size)
        if checkpoint:
            logger.info("resuming from %s", checkpoint)
        for callback in self.callback_handler.callbacks:
            if isinstance(callback, TensorBoardCallback) and callback.logging_dir is None and logs is not None:
                callback.logging_dir = str(logs)
        result = self.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        precision = self.accelerator.mixed_precision
        losses = [entry["loss"] for entry in self.state.log_history if "loss" in entry]
        return {
            "steps": self.state.global_step,
            "processes": self.args.world_size,
            "batch": self._order.block,
            "precision": {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}.get(precision, precision),
            "loss": losses[-1] if losses else result.training_loss,
            "seconds": round(result.metrics["train_runtime"], 3),
            "seconds_per_step": round(self._clock.median(), 4),
            "tokens_per_second": round(self._clock.tokens_per_second(), 1),
        }

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:  # noqa: ANN401
        """One forward and backward pass; stops on a loss that is not finite."""
        self._clock.count(inputs["passes"])
        loss = super().training_step(model, inputs, num_items_in_batch)  # type: ignore[arg-type]
        self.check_finite(loss.item(), "loss")
        return loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ANN401
        """The loss on the evaluation rows; draws nothing from the generators that training draws from."""
        with torch.random.fork_rng([self.args.device] if self.args.device.type == "cuda" else []):
            return super().evaluate(*args, **kwargs)

    def check_finite(self, value: float, what: str) -> None:
        """Stop before the optimizer spoils the weights.

        Raises:
            TrainingError: `value` is not finite.
        """
        if not math.isfinite(value):
            last = last_complete_checkpoint(self.folder, self.args.world_size)
            raise TrainingError(
                f"the {what} is {value} at step {self.state.global_step + 1}: a lower learning_rate or more "
                f"warmup_steps may help; the last good state is {last or 'the start of the phase'}"
            )

    def _clip_grad_norm(self, model: nn.Module) -> Any:  # noqa: ANN401
        norm = super()._clip_grad_norm(model)  # type: ignore[no-untyped-call]
        if self.accelerator.scaler is None:  # float16's scaler leaves out a step that overflows, and scales less
            self.check_finite(float(norm), "gradient norm")
        return norm

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:  # noqa: ANN401
        return self._order

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:  # noqa: ANN401
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, SafetensorError, RuntimeError) as error:  # torch's writer raises RuntimeError on a full disk
            cause = getattr(error, "strerror", None) or (str(error) or repr(error)).splitlines()[0]
            raise TrainingError(
                f"a checkpoint could not be written to {self.args.output_dir} ({cause}): free some space and start "
                "again; the last complete one is kept"
            ) from error

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        folder = Path(output_dir or self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.cpu().contiguous() for name, tensor in self.model.trained_state().items()}
        save_file(state, folder / _WEIGHTS)

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        # trainer_state.json is written next and marks the checkpoint as complete: for all processes.
        self.accelerator.wait_for_everyone()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        self.model.load_trained_state(load_file(Path(resume_from_checkpoint) / _WEIGHTS, device=str(self.args.device)))

    def _load_best_model(self) -> None:
        assert self.state.best_model_checkpoint is not None
        self._load_from_checkpoint(self.state.best_model_checkpoint)


class _Clock(TrainerCallback):
    """Times the steps and counts their tokens."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._tokens = 0
        self._steps: list[tuple[float, int]] = []

    def count(self, passes: list[dict[str, torch.Tensor]]) -> None:
        """Count the tokens of a batch, padding left out."""
        self._tokens += sum(int(part["attention_mask"].sum()) for part in passes)

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        self._begun, self._tokens = time.perf_counter(), 0

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        self._steps.append((time.perf_counter() - self._begun, self._tokens))

    def _warm(self) -> list[tuple[float, int]]:
        """All steps but the first, in which things are set up."""
        return self._steps[1:] or self._steps

    def median(self) -> float:
        """Seconds of a step; 0 if there was none."""
        return statistics.median([seconds for seconds, _ in self._warm()] or [0.0])

    def tokens_per_second(self) -> float:
        """Over all steps; 0 if there was none."""
        return sum(tokens for _, tokens in self._warm()) / max(sum(seconds for seconds, _ in self._warm()), 1e-9)


class _SetEpoch(TrainerCallback):
    """Tells the order which epoch begins, also when that is resumed in its middle."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def on_epoch_begin(self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:  # noqa: ANN401
        self.order.set_epoch(int(state.epoch or 0))


def last_complete_checkpoint(folder: Path, processes: int = 1) -> Path | None:
    """The newest checkpoint in `folder` that was written to the end, or None.

    `trainer_state.json` is written last, so one that parses marks a complete checkpoint of a killed run. The other
    files are looked at too: after a power cut the last one on disk need not be the last one written.
    """
    found: list[tuple[int, Path]] = []
    for checkpoint in folder.glob("checkpoint-*"):
        try:
            step = int(checkpoint.name.removeprefix("checkpoint-"))
            json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        names = ["rng_state.pth"] if processes == 1 else [f"rng_state_{rank}.pth" for rank in range(processes)]
        if all(_is_whole(checkpoint / name) for name in (_WEIGHTS, "optimizer.pt", "scheduler.pt", *names)):
            found.append((step, checkpoint))
    return max(found)[1] if found else None


def _is_whole(path: Path) -> bool:
    """Whether a file was written to its end: safetensors and torch's archives, which are ZIP files, can tell."""
    if not path.is_file() or path.suffix != ".safetensors":
        return zipfile.is_zipfile(path)
    try:
        with safe_open(path, "pt"):
            return True
    except SafetensorError:
        return False
