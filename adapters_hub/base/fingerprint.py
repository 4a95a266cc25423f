"""The fingerprint that identifies a base encoder; modules trained on one base are refused on another."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch

from adapters_hub.base.architectures import Architecture
from adapters_hub.base.dense import DenseLayers

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

# The configuration settings that change what the transformer computes, under all names that architectures give them.
# fmt: off
_SHAPE_GIVING = (
    "model_type", "hidden_size", "d_model", "num_hidden_layers", "encoder_layers", "num_attention_heads",
    "encoder_attention_heads", "intermediate_size", "encoder_ffn_dim", "hidden_act", "hidden_activation",
    "activation_function", "layer_norm_eps", "norm_eps", "max_position_embeddings", "type_vocab_size",
    "scale_embedding", "layer_types", "local_attention", "rope_parameters", "num_key_value_heads", "head_dim",
    "rms_norm_eps", "sliding_window", "use_bidirectional_attention", "query_pre_attn_scalar", "attn_logit_softcapping",
)
# fmt: on

_ROWS_AT_A_TIME = 8192


def fingerprint(backbone: PreTrainedModel, architecture: Architecture, dense: DenseLayers | None = None) -> str:
    """SHA-256 over the transformer's weights (as float32), its shape-giving configuration and its dense layers.

    The token embedding is left out, because most language modules replace it; for the others see
    `embeddings_fingerprint`. Copies of a checkpoint have the same fingerprint as long as their numbers are the same. A
    half-precision copy of a float32 checkpoint counts as another base.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(_shape_giving(backbone.config), sort_keys=True).encode())
    embedding = architecture.token_embeddings + "."
    for name, tensor in sorted(backbone.state_dict().items()):
        if name.startswith(embedding):
            continue
        values = tensor.detach().to("cpu", torch.float32).contiguous()
        digest.update(f"{name}{tuple(values.shape)}".encode())
        digest.update(memoryview(values.numpy()).cast("B"))
    if dense is not None:
        digest.update(repr(dense.facts()).encode())
        for name, tensor in sorted(dense.state_dict().items()):
            digest.update(name.encode())
            digest.update(memoryview(tensor.detach().cpu().contiguous().numpy()).cast("B"))
    return digest.hexdigest()


def embeddings_fingerprint(embeddings: torch.Tensor) -> str:
    """SHA-256 over token embeddings `[vocabulary, dim]`, as float32."""
    digest = hashlib.sha256(repr(tuple(embeddings.shape)).encode())
    for start in range(0, len(embeddings), _ROWS_AT_A_TIME):
        rows = embeddings[start : start + _ROWS_AT_A_TIME].detach().to("cpu", torch.float32).contiguous()
        digest.update(memoryview(rows.numpy()).cast("B"))  # type: ignore[arg-type]
    return digest.hexdigest()


def _shape_giving(config: PretrainedConfig) -> dict[str, object]:
    values = config.to_dict()
    return {key: values[key] for key in _SHAPE_GIVING if key in values}
