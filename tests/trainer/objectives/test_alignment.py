from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from adapters_hub import BaseEncoder, ModularEncoder
from tests.trainer.building import RandomVectors, alignment_trainer, cross_lingual, language_module
from trainer.data.batches import Order
from trainer.objectives import ROLES
from trainer.objectives.frozen_vectors import frozen_language
from trainer.objectives.losses import contrastive_loss, cosine_loss
from trainer.training.arguments import training_arguments
from trainer.training.steps import numbers_used

Bases = Callable[[str], BaseEncoder]


@pytest.fixture
def encoder(bases: Bases, tmp_path: Path) -> ModularEncoder:
    made = ModularEncoder(bases("bert").copy(), device="cpu")
    made.add_module(language_module(bases("bert"), tmp_path, "eng", ["language_adapter", "sentence_adapter"]))
    return made


def bits(encoder: ModularEncoder) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in encoder.base.backbone.state_dict().items()}


@pytest.mark.parametrize("objective", ["both", "paraphrase", "parallel"])
def test_training_leaves_the_pivot_encoder_as_it_is(
    encoder: ModularEncoder, bases: Bases, tmp_path: Path, objective: str
) -> None:
    texts = cross_lingual("paraphrase", ("eng", "deu"))
    sentences = list(dict.fromkeys(text for role in ROLES for text in texts[f"eng_{role}"] if text))
    before_vectors = encoder.encode(sentences, "eng")
    before = bits(encoder)
    pivots = frozen_language(encoder, "eng", 128).vectors(sentences, tmp_path)
    alignment_trainer(bases("bert"), tmp_path / "run", objective=objective, pivots=pivots, learning_rate=1e-2).run()
    assert bits(encoder) == before
    assert not encoder.base.backbone.training
    # Two passes are equal to the last bit, so dropout is off.
    assert np.array_equal(encoder.encode(sentences, "eng"), before_vectors)
    assert np.array_equal(encoder.encode(sentences, "eng"), encoder.encode(sentences, "eng"))


@pytest.mark.parametrize("objective", ["both", "balanced"])
def test_each_kind_of_batch_has_its_loss(bases: Bases, tmp_path: Path, objective: str) -> None:
    trainer = alignment_trainer(bases("bert"), tmp_path, objective=objective)
    trainer.model.eval()
    pivots = RandomVectors(32)
    seen = []
    for batch in list(trainer.get_train_dataloader())[:4]:
        (part,) = set(batch["part"].tolist())
        seen.append(trainer.kinds[part])
        with torch.no_grad():
            vectors = trainer.model(batch["passes"])
        count = len(batch["row"])
        if trainer.kinds[part] == "paraphrase":
            expected = contrastive(batch, vectors, pivots)
        else:
            targets = torch.from_numpy(pivots[batch["pivot_key"].numpy()])
            expected = cosine_loss(vectors, targets) if part == 1 else graded(vectors, targets)
        assert count == 8
        torch.testing.assert_close(trainer.vector_loss(vectors, batch), expected)
    assert seen == list(trainer.kinds) * 2


def graded(vectors: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Differences of similarities, cross-lingual and within a language, computed from the definition."""
    own, pivot = (torch.nn.functional.normalize(x, dim=1) for x in (vectors, targets))
    across = (20 * (own @ pivot.T - pivot @ pivot.T)) ** 2
    within = (20 * (own @ own.T - pivot @ pivot.T)) ** 2
    return across.mean() + (within.sum() - within.diagonal().sum()) / (len(own) * (len(own) - 1))


def contrastive(batch: dict[str, torch.Tensor], vectors: torch.Tensor, pivots: RandomVectors) -> torch.Tensor:
    """The loss of a batch that is assembled row by row."""
    encoded = iter(vectors)
    sides: dict[str, torch.Tensor] = {}
    for role in ROLES:
        rows = []
        for row in range(len(batch["row"])):
            there, frozen = bool(batch[f"{role}_there"][row]), bool(batch[f"{role}_frozen"][row])
            key = batch[f"{role}_key"][row : row + 1].numpy()
            rows.append(torch.from_numpy(pivots[key])[0] if frozen else next(encoded) if there else torch.ones(32))
        sides[role] = torch.stack(rows)
    keys = {f"{role}_keys": batch[f"{role}_key"] for role in ROLES}
    return contrastive_loss(*sides.values(), **keys, has_negative=batch["negative_there"], scale=20.0)


def test_one_batch_of_eight_is_eight_accumulated_batches_of_one(bases: Bases, tmp_path: Path) -> None:
    """Only for the cosine loss; a contrastive loss has other negatives in smaller batches."""
    states = []
    for name, size in (("whole", 8), ("accumulated", 1)):
        trainer = alignment_trainer(
            bases("bert"),
            tmp_path / name,
            objective="parallel",
            dropout=False,
            optim="sgd",
            learning_rate=1.0,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=8 // size,
        )
        before = trainer.model.trained_state()["extra.layers.0.up.weight"].clone()
        trainer.run()
        assert float((trainer.model.trained_state()["extra.layers.0.up.weight"] - before).abs().max()) > 1e-3
        states.append(trainer.model.trained_state())
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=0, atol=1e-6)


@pytest.mark.parametrize("objective", ["both", "paraphrase", "parallel"])
def test_the_loss_decreases(bases: Bases, tmp_path: Path, objective: str) -> None:
    torch.manual_seed(0)  # the bottleneck must not depend on the tests that ran before
    kinds = range(2 if objective == "both" else 1)
    training = {"max_steps": 40 * len(kinds), "learning_rate": 1e-2, "per_device_train_batch_size": 16}
    trainer = alignment_trainer(bases("bert"), tmp_path, objective=objective, **training)
    trainer.run()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    for kind in kinds:
        of_kind = losses[kind :: len(kinds)]
        assert sum(of_kind[-5:]) < 0.99 * sum(of_kind[:5])


@pytest.mark.parametrize(("objective", "steps", "accumulation"), [("both", 3, 2), ("parallel", 9, 1), ("both", 40, 1)])
def test_every_row_that_training_sees_was_announced(
    bases: Bases, tmp_path: Path, objective: str, steps: int, accumulation: int
) -> None:
    """Otherwise its pivot vector would be missing."""
    trainer = alignment_trainer(
        bases("bert"), tmp_path, objective=objective, max_steps=steps, gradient_accumulation_steps=accumulation
    )
    announced = numbers_used(trainer._order, trainer.args)
    seen: set[int] = set()
    rows = trainer.train_dataset
    loss = trainer.vector_loss

    def recording(vectors: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        start = sum(len(part) for part in rows.parts[: int(batch["part"][0])])
        seen.update(start + int(row) for row in batch["row"])
        return loss(vectors, batch)

    trainer.vector_loss = recording  # type: ignore[method-assign]
    trainer.run()
    assert len(seen) >= min(steps * accumulation * 8, len(rows) // 2)
    assert seen <= announced
    assert len(announced) <= steps * accumulation * 8  # a few steps do not need the whole corpus


def test_rows_after_an_incomplete_batch_are_announced_too(tmp_path: Path) -> None:
    order = Order([20], 8, seed=1)  # two batches of 8 per epoch; 4 rows are dropped
    arguments = training_arguments("cla", {"max_steps": 5, "per_device_train_batch_size": 8}, tmp_path, seed=1)
    seen = {number % 20 for epoch, blocks in ((0, 2), (1, 2), (2, 1)) for number in order.numbers(epoch)[: 8 * blocks]}
    assert seen <= numbers_used(order, arguments)


def test_a_trainer_does_not_hold_the_pivot(bases: Bases, tmp_path: Path) -> None:
    names = {name.split(".")[0] for name, _ in alignment_trainer(bases("bert"), tmp_path).model.named_parameters()}
    assert names == {"backbone", "extra"}
