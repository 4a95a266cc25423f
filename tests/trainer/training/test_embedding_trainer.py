from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainingArguments

from adapters_hub import BaseEncoder
from adapters_hub.encoder import SentenceHead, pool
from adapters_hub.format import POOLINGS
from tests.conftest import ARCHITECTURES, sample_sentences
from tests.trainer.building import alignment_trainer, encoding_trainer
from trainer.data.batches import passes
from trainer.training.dropout import set_dropout
from trainer.training.embedding_trainer import EmbeddingTrainer, SentenceModel

Bases = Callable[[str], BaseEncoder]
BUILDERS = {"se": encoding_trainer, "cla": alignment_trainer}


def one_step(trainer: EmbeddingTrainer) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Loss and gradients of the first step, from a given state of the random generators."""
    trainer.current_gradient_accumulation_steps = 1
    torch.manual_seed(5)
    loss = trainer.training_step(trainer.model, next(iter(trainer.get_train_dataloader())))
    gradients = {name: x.grad.clone() for name, x in trainer.model.named_parameters() if x.grad is not None}
    trainer.model.zero_grad()
    return loss, gradients


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert any(float(gradient.abs().max()) > 1e-4 for gradient in a.values())
    for name, gradient in a.items():
        torch.testing.assert_close(gradient, b[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("phase", BUILDERS)
def test_gradient_cache_gives_the_plain_gradient(bases: Bases, tmp_path: Path, phase: str) -> None:
    trainer = BUILDERS[phase](bases("bert"), tmp_path, dropout=False)
    plain_loss, plain = one_step(trainer)
    trainer.gradient_cache = True
    assert len(next(iter(trainer.get_train_dataloader()))["passes"]) > 1
    cached_loss, cached = one_step(trainer)
    torch.testing.assert_close(cached_loss, plain_loss)
    assert_same(cached, plain)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("phase", BUILDERS)
def test_gradient_checkpointing_gives_the_plain_gradient(
    bases: Bases, tmp_path: Path, architecture: str, phase: str
) -> None:
    trainer = BUILDERS[phase](bases(architecture), tmp_path)
    plain_loss, plain = one_step(trainer)
    trainer.model.activation_checkpointing_enable()
    seen: list[bool] = []
    where = bases(architecture).architecture
    sub_layer = trainer.model.backbone.get_submodule(f"{where.blocks}.0.{where.ffn_output}")
    sub_layer.register_forward_pre_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    loss, gradients = one_step(trainer)
    assert len(seen) == 2 * len(next(iter(trainer.get_train_dataloader()))["passes"])  # once more in the backward pass
    torch.testing.assert_close(loss, plain_loss)
    assert_same(gradients, plain)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("phase", BUILDERS)
def test_in_bfloat16_loss_and_gradients_are_nearly_those_of_float32(
    bases: Bases, tmp_path: Path, architecture: str, phase: str
) -> None:
    results = []
    for half in (False, True):
        trainer = BUILDERS[phase](bases(architecture), tmp_path)
        set_dropout(trainer.model, 0.0)
        if half:
            trainer.model.hold_frozen_in(torch.bfloat16)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss, gradients = one_step(trainer)
        results.append((float(loss), torch.cat([gradient.flatten() for gradient in gradients.values()])))
    (loss, gradient), (half_loss, half_gradient) = results
    assert half_loss == pytest.approx(loss, rel=0.03)
    assert torch.cosine_similarity(gradient, half_gradient, dim=0) > 0.98


def test_the_trainer_switches_checkpointing_on(bases: Bases, tmp_path: Path) -> None:
    names = ("activation_checkpointing", "gradient_checkpointing")
    name = next(name for name in names if hasattr(TrainingArguments, name))
    trainer = encoding_trainer(bases("bert"), tmp_path, max_steps=1, **{name: True})
    block = trainer.model.backbone.get_submodule("encoder.layer")[0]
    assert not block.gradient_checkpointing
    trainer.run()
    assert block.gradient_checkpointing


@pytest.mark.parametrize("phase", BUILDERS)
def test_gradient_cache_divides_by_accumulation_as_the_plain_step_does(
    bases: Bases, tmp_path: Path, phase: str
) -> None:
    trainer = BUILDERS[phase](bases("bert"), tmp_path, dropout=False, gradient_cache=True)
    batch = next(iter(trainer.get_train_dataloader()))
    gradients = []
    for cache in (True, False):
        trainer.gradient_cache, trainer.current_gradient_accumulation_steps = cache, 4
        trainer.training_step(trainer.model, dict(batch))
        gradients.append({n: x.grad.clone() for n, x in trainer.model.named_parameters() if x.grad is not None})
        trainer.model.zero_grad()
    assert_same(*gradients)


def test_the_second_forward_pass_of_gradient_cache_sees_the_same_dropout(bases: Bases, tmp_path: Path) -> None:
    """With the batch in one pass, the plain step draws the same dropout, and only once."""
    trainer = encoding_trainer(bases("bert"), tmp_path, tokens=100_000)
    _, plain = one_step(trainer)
    state = torch.get_rng_state()
    trainer.gradient_cache = True
    _, cached = one_step(trainer)
    assert_same(cached, plain)
    assert torch.equal(torch.get_rng_state(), state)
    # Dropout is active: another generator state gives another gradient.
    torch.manual_seed(6)
    trainer.training_step(trainer.model, next(iter(trainer.get_train_dataloader())))
    other = {name: x.grad for name, x in trainer.model.named_parameters() if x.grad is not None}
    assert not all(torch.allclose(other[name], plain[name], atol=1e-5) for name in plain)


def test_dropout_is_the_same_in_both_forward_passes_of_every_part(bases: Bases, tmp_path: Path) -> None:
    trainer = encoding_trainer(bases("bert"), tmp_path, gradient_cache=True)
    seen: list[torch.Tensor] = []
    handle = trainer.model.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    one_step(trainer)
    handle.remove()
    half = len(seen) // 2
    assert half > 1
    for first, second in zip(seen[:half], seen[half:], strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "modernbert", "m2m_100"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_vectors_come_back_in_the_order_of_the_texts(bases: Bases, architecture: str, pooling: str) -> None:
    base = bases(architecture)
    texts = sample_sentences("deu")[:12]
    ids = base.tokenizer(texts)["input_ids"]
    model = SentenceModel(base.backbone, SentenceHead(pooling, prompt_tokens=2)).eval()
    with torch.no_grad():
        vectors = model(passes(ids, 60, base.tokenizer.pad_token_id))
        for text, vector in zip(ids, vectors, strict=True):
            mask = torch.ones(1, len(text), dtype=torch.long)
            hidden = base.backbone(input_ids=torch.tensor([text]), attention_mask=mask).last_hidden_state
            torch.testing.assert_close(vector, pool(hidden, mask, pooling, 2)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("phase", BUILDERS)
def test_losses_are_float32_under_bfloat16_autocast(bases: Bases, tmp_path: Path, phase: str) -> None:
    trainer = BUILDERS[phase](bases("bert"), tmp_path)
    batch: dict[str, Any] = next(iter(trainer.get_train_dataloader()))
    count = sum(len(part["rows"]) for part in batch["passes"])
    vectors = torch.randn(count, 32, generator=torch.Generator().manual_seed(0)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        half = trainer._loss(vectors, batch)
    assert half.dtype == torch.float32
    assert torch.equal(half, trainer.vector_loss(vectors.float(), batch))
