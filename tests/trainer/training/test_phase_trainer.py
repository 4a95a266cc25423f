"""Runs that cannot continue, and which checkpoints count."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from adapters_hub import BaseEncoder
from tests.trainer.building import adaptation_trainer, alignment_trainer, encoding_trainer
from trainer.objectives import ObjectiveTrainer
from trainer.settings import SettingsError
from trainer.training.arguments import training_arguments
from trainer.training.checkpoints import TrainingError, last_complete_checkpoint, seal
from trainer.training.phase_trainer import PhaseTrainer

Bases = Callable[[str], BaseEncoder]
SAVING = {"save_strategy": "steps", "save_steps": 1, "save_total_limit": 3, "max_steps": 6}


class PlantNaN(TrainerCallback):
    """Corrupts a trained parameter before a step."""

    def __init__(self, parameter: torch.nn.Parameter, row: int, step: int) -> None:
        self.parameter, self.row, self.step = parameter, row, step

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step + 1 == self.step:
            with torch.no_grad():
                self.parameter[self.row] = float("nan")


def newest(folder: Path) -> Path | None:
    """The folder of the newest complete checkpoint."""
    found = last_complete_checkpoint(folder)
    return found.folder if found else None


def spoilt(trainer: PhaseTrainer, name: str, row: int, step: int) -> str:
    """Train with a NaN in one row of a parameter; returns the error message."""
    (parameter,) = (x for n, x in trainer.model.named_parameters() if name in n and x.requires_grad)
    trainer.add_callback(PlantNaN(parameter, row, step))
    with pytest.raises(TrainingError) as caught:
        trainer.run()
    return str(caught.value)


CASES = {
    "embedding row": (adaptation_trainer, {}, "word_embeddings.weight", 2),  # </s> is in every text
    "sentence LoRA": (encoding_trainer, {}, "layer.1.output.dense.lora_B.sent_deu.weight", 0),
    "sentence LoRA, GradCache": (
        encoding_trainer,
        {"gradient_cache": True},
        "layer.1.output.dense.lora_B.sent_deu.weight",
        0,
    ),
    "bottleneck": (alignment_trainer, {}, "layers.0.up.bias", 3),
}


@pytest.mark.parametrize("case", CASES)
def test_a_loss_that_is_not_a_number_stops_training_and_keeps_the_last_checkpoint(
    bases: Bases, tmp_path: Path, case: str
) -> None:
    builder, options, name, row = CASES[case]
    trainer = builder(bases("bert"), tmp_path, **options, **SAVING)
    message = spoilt(trainer, name, row, step=4)
    checkpoint = tmp_path / "checkpoint-3"
    assert "the loss is nan at step 4" in message
    assert "learning_rate" in message
    assert str(checkpoint) in message
    assert "\n" not in message
    assert newest(tmp_path) == checkpoint
    weights = load_file(checkpoint / "trained.safetensors")
    assert weights.keys() == trainer.model.trained_state().keys()
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_training_goes_on_from_that_checkpoint_to_the_same_weights(bases: Bases, tmp_path: Path) -> None:
    spoilt(adaptation_trainer(bases("bert"), tmp_path / "a", **SAVING), "word_embeddings.weight", 2, step=4)
    resumed = adaptation_trainer(bases("bert"), tmp_path / "a", **SAVING)
    resumed.run()
    straight = adaptation_trainer(bases("bert"), tmp_path / "b", **SAVING)
    straight.run()
    for name, tensor in straight.model.trained_state().items():
        assert torch.equal(resumed.model.trained_state()[name], tensor), name


def test_a_gradient_that_is_not_finite_stops_training_before_the_weights_are_spoilt(
    bases: Bases, tmp_path: Path
) -> None:
    trainer = encoding_trainer(bases("bert"), tmp_path, **SAVING)
    (parameter,) = (x for n, x in trainer.model.named_parameters() if "layer.0.output.dense.lora_B.sent" in n)
    parameter.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match=r"gradient norm is (nan|inf) at step 1: .* the start of the phase"):
        trainer.run()
    assert all(tensor.isfinite().all() for tensor in trainer.model.trained_state().values())


def test_a_float16_gradient_that_overflows_leaves_out_its_step_and_training_goes_on(
    bases: Bases, tmp_path: Path
) -> None:
    trainer = encoding_trainer(bases("bert"), tmp_path)
    trainer.accelerator.scaler = torch.amp.GradScaler("cpu")  # accelerate makes one only for float16 on GPUs
    (parameter,) = (x for n, x in trainer.model.named_parameters() if "layer.0.output.dense.lora_B.sent" in n)
    factors = iter([float("inf"), 1.0, 1.0])
    parameter.register_hook(lambda gradient: gradient * next(factors))
    before = parameter.detach().clone()
    assert trainer.run()["steps"] == 3
    assert trainer.accelerator.scaler.get_scale() == 2.0**15  # halved once
    assert all(tensor.isfinite().all() for tensor in trainer.model.trained_state().values())
    assert not torch.equal(parameter, before)


@pytest.mark.parametrize("save_steps", [1, 100])
def test_weights_that_the_last_step_spoils_are_not_written(bases: Bases, tmp_path: Path, save_steps: int) -> None:
    trainer = encoding_trainer(bases("bert"), tmp_path, **SAVING | {"max_steps": 3, "save_steps": save_steps})
    optimizer = trainer.create_optimizer()
    step = optimizer.step

    def spoiling(*args: Any, **kwargs: Any) -> Any:
        result = step(*args, **kwargs)
        if trainer.state.global_step + 1 == 3:
            with torch.no_grad():
                optimizer.param_groups[0]["params"][-1].view(-1)[-1] = float("-inf")
        return result

    optimizer.step = spoiling  # type: ignore[method-assign]
    good = str(tmp_path / "checkpoint-2") if save_steps == 1 else "the start of the phase"
    with pytest.raises(TrainingError, match=f"is not finite after step 3: .*the last good state is {good}") as caught:
        trainer.run()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "checkpoint-3").exists()


def test_an_evaluation_without_rows_is_refused_in_one_line(bases: Bases, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="eval_strategy needs rows to evaluate on and there are none: set eval_share"
    ) as caught:
        encoding_trainer(bases("bert"), tmp_path, eval_strategy="steps", eval_steps=1)
    assert "\n" not in str(caught.value)


def test_one_process_trains_on_one_gpu_of_several_and_says_how_to_use_all(
    bases: Bases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = encoding_trainer(bases("bert"), tmp_path)
    made.args._n_gpu = 2  # transformers would split each batch among this many GPUs
    arguments = (made.model, made.args, made.train_dataset, made._order, made.data_collator)
    trainer = ObjectiveTrainer(*arguments, kinds=["contrastive"], scale=20.0, gradient_cache=False)
    assert trainer.run()["steps"] == 3
    assert not isinstance(trainer.model_wrapped, torch.nn.DataParallel)
    assert trainer.args.train_batch_size == 8
    assert "accelerate launch --multi_gpu --num_processes 2" in caplog.text


@pytest.fixture(scope="module")
def finished(bases: Bases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints 1, 2 and 3 of a run."""
    folder = tmp_path_factory.mktemp("run")
    encoding_trainer(bases("bert"), folder, **SAVING | {"max_steps": 3}).run()
    return folder


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "no state": lambda checkpoint: (checkpoint / "trainer_state.json").unlink(),
    "truncated state": lambda checkpoint: truncate(checkpoint / "trainer_state.json"),
    "empty state": lambda checkpoint: (checkpoint / "trainer_state.json").write_bytes(b""),
    "no weights": lambda checkpoint: (checkpoint / "trained.safetensors").unlink(),
    "truncated weights": lambda checkpoint: truncate(checkpoint / "trained.safetensors"),
    "no optimizer": lambda checkpoint: (checkpoint / "optimizer.pt").unlink(),
    "truncated optimizer": lambda checkpoint: truncate(checkpoint / "optimizer.pt"),
    "no generators": lambda checkpoint: (checkpoint / "rng_state.pth").unlink(),
    "other bits": lambda checkpoint: flip(checkpoint / "trained.safetensors"),
    "other bits in the state": lambda checkpoint: flip(checkpoint / "trainer_state.json"),
    "no seal": lambda checkpoint: (checkpoint / "complete.json").unlink(),
    "a seal of another kind": lambda checkpoint: (checkpoint / "complete.json").write_text("[]", encoding="utf-8"),
    "no checkpoint": lambda checkpoint: shutil.rmtree(checkpoint),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_checkpoint_that_is_not_complete_is_ignored(finished: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    assert newest(folder) == folder / "checkpoint-3"
    DAMAGE[damage](folder / "checkpoint-3")
    assert newest(folder) == folder / "checkpoint-2"


def test_a_run_whose_checkpoints_are_all_damaged_says_so_and_starts_anew(
    bases: Bases, finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    for checkpoint in folder.iterdir():
        flip(checkpoint / "optimizer.pt")
    assert encoding_trainer(bases("bert"), folder, **SAVING | {"max_steps": 2}).run()["steps"] == 2
    assert "only half-written or damaged checkpoints; restarting this phase" in caplog.text
    assert newest(folder) == folder / "checkpoint-2"
    assert not (folder / "checkpoint-3").exists()


def test_checkpoints_are_ordered_by_number_and_other_folders_ignored(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    (folder / "checkpoint-3").rename(folder / "checkpoint-100")
    shutil.copytree(folder / "checkpoint-2", folder / "checkpoint-new")
    assert newest(folder) == folder / "checkpoint-100"
    assert newest(tmp_path / "nothing") is None


def test_a_checkpoint_of_two_processes_is_not_gone_on_from_with_one(
    bases: Bases, finished: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    for checkpoint in folder.iterdir():
        seal(checkpoint, 2, {})
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(TrainingError, match=r"begun with 2 processes.* with 1 process.*--num_processes 2, or delete"):
        encoding_trainer(bases("bert"), folder, **SAVING).run()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_checkpoint_of_another_phase_is_refused(bases: Bases, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    with pytest.raises(TrainingError, match="other parameters than this phase trains: delete its folder"):
        alignment_trainer(bases("bert"), tmp_path / "run", **SAVING).run()


def test_checkpoints_hold_the_trained_parameters_and_no_others(bases: Bases, finished: Path, tmp_path: Path) -> None:
    held = load_file(finished / "checkpoint-3" / "trained.safetensors")
    assert held.keys() == encoding_trainer(bases("bert"), tmp_path).model.trained_state().keys()


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"adam_beta1": 1.5}, "Invalid beta parameter"),
        ({"optim": "adamw_bnb_8bit"}, "bitsandbytes"),
        ({"lr_scheduler_type": "cosine", "lr_scheduler_kwargs": {"waves": 3}}, "waves"),
    ],
)
def test_what_optimizer_and_schedule_refuse_is_told_in_one_line(
    bases: Bases, tmp_path: Path, values: dict[str, Any], line: str
) -> None:
    with pytest.raises(TrainingError, match=f"settings under 'training' were refused: .*{line}") as caught:
        encoding_trainer(bases("bert"), tmp_path, **values).run()
    assert "\n" not in str(caught.value)


def test_training_values_that_do_not_fit_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"settings under 'training' were refused: .*sometimes") as caught:
        training_arguments("la", {"save_strategy": "sometimes"}, tmp_path, seed=0)
    assert "\n" not in str(caught.value)
