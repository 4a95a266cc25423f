"""Which parameters each phase changes, and that it changes no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from adapters_hub import BaseEncoder
from tests.conftest import ARCHITECTURES, CAUSAL
from tests.trainer.building import adaptation_trainer, alignment_trainer, encoding_trainer
from trainer.training.encoder_model import EncoderModel
from trainer.training.phase_trainer import PhaseTrainer

Bases = Callable[[str], BaseEncoder]


def tensors(model: EncoderModel) -> dict[str, torch.Tensor]:
    """A copy of every parameter and buffer."""
    return {name: x.detach().clone() for name, x in (*model.named_parameters(), *model.named_buffers())}


def changed_by(trainer: PhaseTrainer) -> set[str]:
    before = tensors(trainer.model)
    trainer.run()
    after = tensors(trainer.model)
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def named(trainer: PhaseTrainer, *parts: str) -> set[str]:
    return {name for name in tensors(trainer.model) if any(part in name for part in parts)}


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name not in CAUSAL])
def test_language_adaptation_trains_language_lora_embeddings_and_head(
    bases: Bases, tmp_path: Path, architecture: str
) -> None:
    base = bases(architecture)
    trainer = adaptation_trainer(base, tmp_path, learning_rate=1e-2)
    expected = named(trainer, ".lang_deu.", f"backbone.{base.architecture.token_embeddings}.weight", "head.")
    assert len(named(trainer, ".lang_deu.")) >= 2 * 2 * 4
    assert changed_by(trainer) == expected == set(trainer.model.trained_state())


def test_language_adaptation_leaves_the_embeddings_if_told_to(bases: Bases, tmp_path: Path) -> None:
    trainer = adaptation_trainer(bases("bert"), tmp_path, train_embeddings=False, learning_rate=1e-2)
    assert changed_by(trainer) == named(trainer, ".lang_deu.", "head.")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("gradient_cache", [False, True])
def test_sentence_encoding_trains_the_sentence_lora_alone(
    bases: Bases, tmp_path: Path, architecture: str, gradient_cache: bool
) -> None:
    trainer = encoding_trainer(bases(architecture), tmp_path, gradient_cache=gradient_cache, learning_rate=1e-2)
    assert changed_by(trainer) == named(trainer, ".sent_deu.") == set(trainer.model.trained_state())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("objective", ["both", "paraphrase", "parallel"])
def test_alignment_trains_the_bottlenecks_alone(
    bases: Bases, tmp_path: Path, architecture: str, objective: str
) -> None:
    trainer = alignment_trainer(bases(architecture), tmp_path, objective=objective, learning_rate=1e-2)
    expected = {name for name in tensors(trainer.model) if name.startswith("extra.layers.")}
    assert len(expected) == 4 * 2
    assert changed_by(trainer) == expected == set(trainer.model.trained_state())


@pytest.mark.parametrize("builder", [adaptation_trainer, encoding_trainer, alignment_trainer])
def test_frozen_parameters_get_no_gradient_and_are_not_in_the_optimizer(
    bases: Bases, tmp_path: Path, builder: Callable[..., PhaseTrainer]
) -> None:
    trainer = builder(bases("bert"), tmp_path)
    trainer.run()
    frozen = [x for x in trainer.model.parameters() if not x.requires_grad]
    assert frozen
    assert all(x.grad is None for x in frozen)
    held = {id(x) for group in trainer.optimizer.param_groups for x in group["params"]}
    assert not held & {id(x) for x in frozen}
