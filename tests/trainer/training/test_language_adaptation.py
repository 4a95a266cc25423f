from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskedLM

from adapters_hub import BaseEncoder, load_base
from adapters_hub.encoder import Composition
from tests.conftest import sample_sentences
from tests.trainer.building import adaptation_trainer
from trainer.training.encoder_model import EncoderModel
from trainer.training.language_adaptation import MaskedLanguageModel, mlm_head, pretrained_output_bias
from trainer.training.masking import MaskingCollator

Bases = Callable[[str], BaseEncoder]
WITH_HEAD = ("bert", "xlm-roberta", "modernbert")


def masked_batch(base: BaseEncoder, tokens_per_pass: int = 64) -> dict[str, Any]:
    """Ten texts in several passes."""
    ids = base.tokenizer(sample_sentences("deu")[:10])["input_ids"]
    collator = MaskingCollator(base.tokenizer, 0.15, 0, tokens_per_pass)
    return collator([{"text_ids": row, "draw": draw} for draw, row in enumerate(ids)])


def padded_batch(base: BaseEncoder) -> dict[str, torch.Tensor]:
    """The same texts with the same masks in transformers' form, padded to the longest."""
    (whole,) = masked_batch(base, 1000)["passes"]
    return {name: whole[name] for name in ("input_ids", "attention_mask", "labels")}


def masked_language_model(base: BaseEncoder) -> MaskedLanguageModel:
    head = mlm_head(base, base.token_embeddings.num_embeddings, pretrained_output_bias(base))
    return MaskedLanguageModel(base.backbone, base.token_embeddings, head).eval()


@pytest.mark.parametrize("architecture", WITH_HEAD)
def test_the_loss_is_that_of_the_full_logits_of_transformers_own_model(
    bases: Bases, base_folders: Callable[[str], Path], architecture: str
) -> None:
    base = bases(architecture)
    reference = AutoModelForMaskedLM.from_pretrained(base_folders(architecture)).eval()
    batch = masked_batch(base)
    with torch.no_grad():
        total = masked_language_model(base)(**batch)
        expected = reference(**padded_batch(base)).loss
    assert len(batch["passes"]) > 2
    assert total.dtype == torch.float32
    torch.testing.assert_close(total / len(batch["labels"]), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("architecture", WITH_HEAD)
def test_the_gradient_of_the_embeddings_is_that_of_transformers_own_model(
    bases: Bases, base_folders: Callable[[str], Path], architecture: str
) -> None:
    """The gradient of the embeddings through the input and, as output weights, through the logits."""
    base = bases(architecture).copy()
    base.token_embeddings.weight.requires_grad_(True)
    reference = AutoModelForMaskedLM.from_pretrained(base_folders(architecture)).eval()
    batch = masked_batch(base)
    (masked_language_model(base)(**batch) / len(batch["labels"])).backward()
    reference(**padded_batch(base)).loss.backward()
    expected = reference.get_input_embeddings().weight.grad
    assert base.token_embeddings.weight.grad is not None
    assert expected is not None
    torch.testing.assert_close(base.token_embeddings.weight.grad, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", [*WITH_HEAD, "m2m_100"])
def test_trained_embeddings_are_looked_up_once_for_all_passes(bases: Bases, architecture: str) -> None:
    base = bases(architecture).copy()
    model = EncoderModel(base.backbone).eval()
    passes = masked_batch(base)["passes"]
    with torch.no_grad():
        apart = list(model.hidden_states(passes))
    base.token_embeddings.weight.requires_grad_(True)
    looked_up: list[torch.Tensor] = []
    base.token_embeddings.register_forward_hook(lambda _module, inputs, _output: looked_up.append(inputs[0]))
    together = list(model.hidden_states(passes))
    assert len(passes) > 2
    assert len(looked_up) == 1
    assert len(looked_up[0].unique()) == len(looked_up[0])
    for part, expected, found in zip(passes, apart, together, strict=True):
        real = part["attention_mask"].bool()
        torch.testing.assert_close(found[real], expected[real], rtol=1e-5, atol=1e-5)


def test_logits_are_computed_for_chosen_tokens_alone(bases: Bases) -> None:
    base = bases("bert")
    model, batch = masked_language_model(base), masked_batch(base)
    shapes: list[torch.Size] = []
    model.head.register_forward_hook(lambda _module, _inputs, output: shapes.append(output.shape))
    model(**batch)
    chosen = sum(int((part["labels"] != -100).sum()) for part in batch["passes"])
    assert shapes == [torch.Size([chosen, base.token_embeddings.num_embeddings])]


def test_a_base_without_a_head_starts_with_plain_products(bases: Bases) -> None:
    base = bases("m2m_100")
    assert pretrained_output_bias(base) is None
    head = mlm_head(base, base.token_embeddings.num_embeddings, None)
    hidden = torch.randn(5, base.dimension)
    normed = torch.nn.functional.layer_norm(hidden, (base.dimension,), eps=head.norm.eps)
    expected = normed @ base.token_embeddings.weight.T
    torch.testing.assert_close(head(hidden, base.token_embeddings.weight), expected)


@pytest.mark.parametrize("architecture", WITH_HEAD)
def test_the_head_takes_the_bias_that_was_moved_to_another_vocabulary(bases: Bases, architecture: str) -> None:
    base = bases(architecture)
    own = pretrained_output_bias(base)
    assert own is not None
    assert own.shape == (base.token_embeddings.num_embeddings,)
    bias = torch.arange(5.0)
    torch.testing.assert_close(mlm_head(base, 5, bias).bias.data, bias)


def test_one_batch_of_eight_is_eight_accumulated_batches_of_one(bases: Bases, tmp_path: Path) -> None:
    """The mean is over the masked tokens of the whole step, however many each batch has."""
    runs = []
    for name, size in (("whole", 8), ("accumulated", 1)):
        trainer = adaptation_trainer(
            bases("bert"),
            tmp_path / name,
            dropout=False,
            optim="sgd",
            learning_rate=0.1,
            max_steps=2,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=8 // size,
        )
        before = trainer.model.trained_state()["head.bias"].clone()
        facts = trainer.run()
        assert not torch.equal(trainer.model.trained_state()["head.bias"], before)
        runs.append((facts["loss"], trainer.model.trained_state()))
    (loss, state), (accumulated_loss, accumulated) = runs
    assert accumulated_loss == pytest.approx(loss, abs=1e-4)  # the Trainer rounds the losses that it logs
    for name, tensor in state.items():
        torch.testing.assert_close(accumulated[name], tensor, rtol=0, atol=1e-6)


def test_the_loss_of_training_is_the_mean_over_predicted_tokens(bases: Bases, tmp_path: Path) -> None:
    sizes = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    trainer = adaptation_trainer(bases("bert"), tmp_path, dropout=False, max_steps=1, **sizes)
    trainer.model.eval()
    batches = list(trainer.get_train_dataloader())[:2]
    with torch.no_grad():
        total = sum(float(trainer.model(**batch)) for batch in batches)
    count = sum(len(batch["labels"]) for batch in batches)
    assert trainer.run()["loss"] == pytest.approx(total / count, abs=1e-3)


def test_the_loss_decreases(bases: Bases, tmp_path: Path) -> None:
    trainer = adaptation_trainer(
        bases("bert"), tmp_path, max_steps=40, per_device_train_batch_size=16, learning_rate=1e-2
    )
    trainer.run()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_evaluation_gives_the_mean_over_predicted_tokens(bases: Bases, tmp_path: Path) -> None:
    trainer = adaptation_trainer(bases("bert"), tmp_path, per_device_eval_batch_size=128)
    found = trainer.evaluate(trainer.train_dataset)["eval_loss"]
    batch = trainer.data_collator([trainer.train_dataset[row] for row in range(len(trainer.train_dataset))])
    with torch.no_grad():
        expected = trainer.model.eval()(**batch) / len(batch["labels"])
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_bases_are_not_changed_by_training(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    before = {name: tensor.clone() for name, tensor in base.backbone.state_dict().items()}
    adaptation_trainer(base, tmp_path).run()
    after = base.backbone.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_embeddings_that_stay_on_disk_in_half_precision_give_the_loss_of_those_in_memory(
    base_folders: Callable[[str], Path], tmp_path: Path
) -> None:
    """As in the packaged base when the vocabulary is kept and the embeddings are frozen."""
    shutil.copytree(base_folders("bert"), tmp_path / "half")
    weights = tmp_path / "half" / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(weights).items()}, weights, metadata={"format": "pt"})
    base = load_base(tmp_path / "half")
    batch = masked_batch(base)
    expected = masked_language_model(base.copy())(**batch)
    composed = base.copy()
    Composition(composed).activate(None)
    assert composed.token_embeddings.weight.dtype == torch.float16
    loss = masked_language_model(composed)(**batch)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(masked_language_model(composed)(**batch), expected, rtol=0.05, atol=0)
