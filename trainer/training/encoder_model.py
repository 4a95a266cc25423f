"""The model that the trainer of all phases trains: a transformer of which only some parameters are trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from trainer.training.checkpoints import TrainingError
from trainer.training.frozen import FrozenDense

_CHECKPOINTING = ("activation_checkpointing_enable", "gradient_checkpointing_enable")


class EncoderModel(nn.Module):
    """A transformer of which only some parameters, or modules attached to it, are trained.

    Args:
        backbone: the transformer.
    """

    def __init__(self, backbone: PreTrainedModel) -> None:
        super().__init__()
        self.backbone = backbone

    def hidden_states(self, passes: list[dict[str, torch.Tensor]]) -> Iterator[torch.Tensor]:
        """The last hidden states `[n, tokens, dim]` of each pass, one after the other.

        If the token embeddings are trained, one lookup serves all passes, because the gradient of every lookup is as
        large as the vocabulary.
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
        """The trained parameters by name."""
        return {name: parameter.detach() for name, parameter in self.named_parameters() if parameter.requires_grad}

    def load_trained_state(self, state: dict[str, torch.Tensor]) -> None:
        """Load what `trained_state` returned.

        Raises:
            TrainingError: the state is of other parameters.
        """
        own = self.trained_state()
        if own.keys() != state.keys():
            raise TrainingError("a checkpoint holds other parameters than this phase trains: delete its folder")
        for name, tensor in state.items():
            own[name].copy_(tensor)

    def hold_frozen_in(self, dtype: torch.dtype) -> None:
        """Keep frozen dense layers in autocast's precision; otherwise autocast casts their weights in every pass."""
        for name, layer in list(self.backbone.named_modules()):
            if isinstance(layer, nn.Linear) and not any(parameter.requires_grad for parameter in layer.parameters()):
                self.backbone.set_submodule(name, FrozenDense(layer, dtype))

    def activation_checkpointing_enable(
        self,
        activation_checkpointing_kwargs: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Compute blocks again in the backward pass; `TrainingArguments.activation_checkpointing` calls this."""
        self.backbone.enable_input_require_grads()
        name = next(name for name in _CHECKPOINTING if hasattr(self.backbone, name))
        getattr(self.backbone, name)(activation_checkpointing_kwargs or {"use_reentrant": False}, **options)

    def gradient_checkpointing_enable(
        self,
        gradient_checkpointing_kwargs: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """The same under the name that transformers uses before version 5.23."""
        self.activation_checkpointing_enable(gradient_checkpointing_kwargs, **options)
