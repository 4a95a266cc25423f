from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adapters_hub import BaseEncoder
from tests.conftest import ARCHITECTURES
from tests.trainer.building import fine_tuning_trainer
from trainer.objectives import ObjectiveTrainer

Bases = Callable[[str], BaseEncoder]


def weights(trainer: ObjectiveTrainer) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kinds", [("contrastive", "contrastive"), ("contrastive", "paraphrase", "parallel")])
def test_every_parameter_is_trained(bases: Bases, tmp_path: Path, architecture: str, kinds: tuple[str, ...]) -> None:
    base = bases(architecture)
    trainer = fine_tuning_trainer(base, tmp_path, kinds=kinds, learning_rate=1e-2)
    before = weights(trainer)
    assert set(trainer.model.trained_state()) == set(before)
    trainer.run()
    same = [name for name, tensor in weights(trainer).items() if torch.equal(tensor, before[name])]
    assert same == []
    assert all(torch.equal(before[f"backbone.{name}"], tensor) for name, tensor in base.backbone.named_parameters())


def test_each_batch_is_of_one_language_and_they_take_turns(bases: Bases, tmp_path: Path) -> None:
    trainer = fine_tuning_trainer(bases("bert"), tmp_path, kinds=["contrastive"] * 3, max_steps=9)
    seen = seen_by(trainer)
    trainer.run()
    assert [batch["part"].tolist() for _, batch in seen] == [[step % 3] * 8 for step in range(9)]


def test_a_language_with_less_than_a_batch_leaves_the_batches_of_all_as_large_as_asked_for(
    bases: Bases, tmp_path: Path
) -> None:
    trainer = fine_tuning_trainer(bases("bert"), tmp_path, kinds=["contrastive"] * 2, rows=[20, 3], max_steps=6)
    seen = seen_by(trainer)
    assert trainer.run()["batch"] == 8
    assert [batch["part"].tolist() for _, batch in seen] == [[step % 2] * 8 for step in range(6)]
    for _, batch in seen[1::2]:
        assert set(batch["row"].tolist()) == {0, 1, 2}


def test_a_batch_is_no_larger_than_all_there_is(bases: Bases, tmp_path: Path) -> None:
    trainer = fine_tuning_trainer(bases("bert"), tmp_path, kinds=["contrastive"], rows=[3])
    seen = seen_by(trainer)
    assert trainer.run()["batch"] == 3
    assert [len(batch["row"]) for _, batch in seen] == [3] * 3


def seen_by(trainer: ObjectiveTrainer) -> list[tuple[torch.Tensor, dict[str, Any]]]:
    """Record the vectors and batches from which the trainer computes losses from now on."""
    seen: list[tuple[torch.Tensor, dict[str, Any]]] = []
    compute = trainer.vector_loss

    def spy(vectors: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        seen.append((vectors, batch))
        return compute(vectors, batch)

    trainer.vector_loss = spy  # type: ignore[method-assign]
    return seen


def test_translations_are_drawn_together_from_both_sides(bases: Bases, tmp_path: Path) -> None:
    trainer = fine_tuning_trainer(bases("bert"), tmp_path, kinds=["parallel"])
    batch = next(iter(trainer.get_train_dataloader()))
    vectors = torch.randn(16, 32, requires_grad=True)
    loss = trainer.vector_loss(vectors, batch)
    unit = torch.nn.functional.normalize(vectors.detach(), dim=-1)
    assert loss.item() == pytest.approx(1 - (unit[:8] * unit[8:]).sum(-1).mean().item(), abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, vectors)
    assert (gradient.norm(dim=-1) > 0).all()


@pytest.mark.parametrize("kinds", [("contrastive",), ("paraphrase",), ("contrastive", "parallel")])
def test_pass_by_pass_gives_the_weights_of_all_at_once(bases: Bases, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    options = {"kinds": kinds, "dropout": False, "optim": "sgd", "learning_rate": 1.0}
    trained = []
    for cached in (False, True):
        trainer = fine_tuning_trainer(bases("bert"), tmp_path, gradient_cache=cached, **options)
        trainer.run()
        trained.append(weights(trainer))
    for name, tensor in trained[0].items():
        np.testing.assert_allclose(tensor.numpy(), trained[1][name].numpy(), atol=1e-5, err_msg=name)
