"""Training with losses on sentence vectors: passes with little padding, and batches larger than memory (GradCache)."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import get_device_states, set_device_states
from transformers import PreTrainedModel

from adapters_hub.encoder import SentenceHead
from trainer.training.encoder_model import EncoderModel
from trainer.training.phase_trainer import PhaseTrainer


class SentenceModel(EncoderModel):
    """A transformer and a head that pools its hidden states into sentence vectors.

    Trained parameters are in the transformer or in `extra`.

    Args:
        backbone: the transformer.
        head: pooling, and the base's dense layers.
        extra: trained modules outside the transformer's own module tree (bottlenecks attached by hooks).
    """

    def __init__(self, backbone: PreTrainedModel, head: SentenceHead, extra: nn.Module | None = None) -> None:
        super().__init__(backbone)
        self.head = head
        self.extra = extra

    def forward(self, passes: list[dict[str, torch.Tensor]]) -> torch.Tensor:
        """Encode the texts of all given passes, so that DDP sees a single forward call.

        Args:
            passes: from `trainer.data.batches.passes`; their `rows` number the texts of these passes from 0.

        Returns:
            `[texts, dim]`, float32, in the order of `rows`.
        """
        rows = torch.cat([part["rows"] for part in passes])
        pooled = [
            self.head(hidden, part["attention_mask"])
            for part, hidden in zip(passes, self.hidden_states(passes), strict=True)
        ]
        return torch.cat(pooled)[torch.argsort(rows)]


class EmbeddingTrainer(PhaseTrainer):
    """A phase whose loss is a function of the vectors of a batch.

    Subclasses define `vector_loss`. With `gradient_cache` the batch goes through the encoder pass by pass: first
    without a graph, to get the loss's gradient with respect to the vectors, then again to carry that gradient to the
    parameters. The result is the gradient of the whole batch.

    References:
        Gao et al. 2021, Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup.
    """

    gradient_cache: bool = False

    def vector_loss(self, vectors: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """The loss of a batch, from the vectors `[texts, dim]` of its encoded texts."""
        raise TypeError(f"{type(self).__name__} must define vector_loss")

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """The loss of a batch, with a single graph."""
        loss = self._loss(model(inputs["passes"]), inputs)
        return (loss, {}) if return_outputs else loss

    def _loss(self, vectors: torch.Tensor, inputs: dict[str, Any]) -> torch.Tensor:
        with torch.autocast(vectors.device.type, enabled=False):  # softmax and norms need float32
            return self.vector_loss(vectors.float(), inputs)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:  # noqa: ANN401
        """One forward and backward pass over a batch; with `gradient_cache` pass by pass."""
        if not self.gradient_cache:
            return super().training_step(model, inputs, num_items_in_batch)
        model.train()
        self._clock.count(inputs["passes"])
        inputs = self._prepare_inputs(inputs)
        parts, places = _renumbered(inputs["passes"])
        states = []
        cached: list[torch.Tensor] = []
        with torch.no_grad(), self.compute_loss_context_manager():
            for part in parts:
                states.append((torch.get_rng_state(), *get_device_states(part["rows"])))
                cached.append(self.model([part]).float())
        vectors = torch.cat(cached)[torch.argsort(places)].requires_grad_()
        loss = self._loss(vectors, inputs)
        self.check_finite(loss.item(), "loss")
        (gradient,) = torch.autograd.grad(loss, vectors)
        gradient = gradient / self.current_gradient_accumulation_steps
        outer_sync = self.accelerator.sync_gradients
        rows_of = places.split([len(part["rows"]) for part in parts])  # type: ignore[no-untyped-call]
        with torch.random.fork_rng([self.args.device] if self.args.device.type == "cuda" else []):
            for part, rows, (cpu, devices, others) in zip(parts, rows_of, states, strict=True):
                torch.set_rng_state(cpu)  # the same dropout as the first time
                set_device_states(devices, others)
                last = part is parts[-1]
                with contextlib.nullcontext() if last and outer_sync else self.accelerator.no_sync(model):
                    with self.compute_loss_context_manager():
                        again = model([part])
                    self.accelerator.backward((again.float() * gradient[rows]).sum())
        self._clock.add_loss(loss.item() / self.current_gradient_accumulation_steps)
        return loss.detach() / self.current_gradient_accumulation_steps


def _renumbered(parts: list[dict[str, torch.Tensor]]) -> tuple[list[dict[str, torch.Tensor]], torch.Tensor]:
    """Passes that each number their rows from 0, and the indices of all rows in the batch."""
    alone = [part | {"rows": torch.arange(len(part["rows"]), device=part["rows"].device)} for part in parts]
    return alone, torch.cat([part["rows"] for part in parts])
