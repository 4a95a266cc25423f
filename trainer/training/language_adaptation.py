"""LA: masked language modelling trains the language LoRA and the token embeddings of a language."""

from __future__ import annotations

from typing import Any

import torch
from safetensors import safe_open
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from adapters_hub.base import BaseEncoder
from trainer.settings import SettingsError
from trainer.training.encoder_model import EncoderModel
from trainer.training.phase_trainer import PhaseTrainer


def check_can_mask(base: BaseEncoder) -> None:
    """Refuse a base that cannot be trained by masked language modelling.

    Raises:
        SettingsError: the base has causal attention, or its tokenizer has no mask token.
    """
    if base.is_causal:
        raise SettingsError(
            f"la predicts masked tokens from both sides, but the base {base.source!r} ({base.architecture.model_type}) "
            "reads from left to right only: leave la out, with --phases vocabulary,se"
        )
    if base.tokenizer.mask_token is None:
        raise SettingsError(
            f"la masks tokens, but the tokenizer of the base {base.source!r} has no mask token: leave la out, with "
            "--phases vocabulary,se"
        )


class MaskedLanguageModelHead(nn.Module):
    """The head that maps hidden states to logits over the vocabulary; its output weights are the token embeddings.

    It is trained with the language module but not saved in it, because a sentence encoder does not need it.

    Args:
        width: the encoder's hidden size.
        activation: a name in `transformers.activations.ACT2FN`, or `identity`.
        eps: epsilon of the layer norm.
        has_dense_bias: whether the dense layer has a bias.
        vocabulary: number of tokens.
    """

    def __init__(self, width: int, activation: str, eps: float, has_dense_bias: bool, vocabulary: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width, bias=has_dense_bias)
        self.act = nn.Identity() if activation == "identity" else ACT2FN[activation]
        self.norm = nn.LayerNorm(width, eps=eps)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, hidden: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        """Hidden states `[n, dim]` and embeddings `[vocabulary, dim]` in any precision to logits `[n, vocabulary]`."""
        features = self.norm(self.act(self.dense(hidden)))
        return nn.functional.linear(features, embeddings.to(features.dtype), self.bias)


def pretrained_output_bias(base: BaseEncoder) -> torch.Tensor | None:
    """The output bias `[vocabulary]` of the base's own MLM head; None if its checkpoint has none."""
    layout = base.architecture.mlm_head
    return None if layout is None else _checkpoint_tensors(base, [layout.bias]).get(layout.bias)


def mlm_head(base: BaseEncoder, vocabulary: int, bias: torch.Tensor | None) -> MaskedLanguageModelHead:
    """The base's own MLM head for another vocabulary, or an identity-initialised one if its checkpoint has none.

    `bias` `[vocabulary]` is the output bias moved to the new vocabulary of `vocabulary` tokens.
    """
    width, layout = base.width, base.architecture.mlm_head
    places = {} if layout is None else {"dense": layout.dense, "norm": layout.norm}
    names = {f"{own}.{kind}": f"{theirs}.{kind}" for own, theirs in places.items() for kind in ("weight", "bias")}
    tensors = _checkpoint_tensors(base, list(names.values()))
    state = {own: tensors[theirs].float() for own, theirs in names.items() if theirs in tensors}
    eps = float(getattr(base.backbone.config, "layer_norm_eps", getattr(base.backbone.config, "norm_eps", 1e-5)))
    if layout is not None and "dense.weight" in state:
        head = MaskedLanguageModelHead(width, layout.activation, eps, "dense.bias" in state, vocabulary)
        head.load_state_dict(state, strict=False)
    else:
        head = MaskedLanguageModelHead(width, "identity", eps, True, vocabulary)
        nn.init.eye_(head.dense.weight)
        nn.init.zeros_(head.dense.bias)
    if bias is not None:
        head.bias.data.copy_(bias)
    return head


def _checkpoint_tensors(base: BaseEncoder, names: list[str]) -> dict[str, torch.Tensor]:
    """The named tensors that exist in the base's safetensors file."""
    path = base.weights_file() if names else None
    if path is None:
        return {}
    with safe_open(path, "pt") as file:
        present = set(file.keys())
        return {name: file.get_tensor(name) for name in names if name in present}


class MaskedLanguageModel(EncoderModel):
    """A transformer with an MLM head tied to its token embedding.

    Args:
        backbone: the transformer.
        embedding: its token embedding.
        head: the head.
    """

    def __init__(self, backbone: PreTrainedModel, embedding: nn.Embedding, head: MaskedLanguageModelHead) -> None:
        super().__init__(backbone)
        self.head = head
        self._embedding = [embedding]  # in a list, so that it is registered only inside the backbone

    def forward(self, passes: list[dict[str, torch.Tensor]], labels: torch.Tensor) -> torch.Tensor:
        """The summed cross-entropy of the predicted tokens; logits are computed for these only.

        Args:
            passes: from `trainer.training.masking.MaskingCollator`.
            labels: `[predicted]`, the ids of the predicted tokens.

        Returns:
            A scalar in float32.
        """
        chosen = [
            hidden[part["labels"] != -100] for part, hidden in zip(passes, self.hidden_states(passes), strict=True)
        ]
        logits = self.head(torch.cat(chosen), self._embedding[0].weight)
        with torch.autocast(logits.device.type, enabled=False):
            return cross_entropy(logits.float(), labels, reduction="sum")


class LanguageAdaptationTrainer(PhaseTrainer):
    """Trains a `MaskedLanguageModel`; the loss is the mean over the predicted tokens of the whole step."""

    # With this flag transformers counts the predicted tokens over accumulated batches and processes, and expects the
    # model to divide by their number. Here `compute_loss` does.
    loss_is_scaled_for_ga = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = True

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """The summed cross-entropy divided by the number of predicted tokens in the step, over all processes."""
        total = model(inputs["passes"], inputs["labels"])
        if num_items_in_batch is None:  # evaluation
            loss = total / max(len(inputs["labels"]), 1)
        else:
            # DDP averages the gradients over processes, but the count includes all processes.
            loss = total * self.accelerator.num_processes / num_items_in_batch
        return (loss, {}) if return_outputs else loss
