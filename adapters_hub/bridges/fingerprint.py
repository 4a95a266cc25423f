"""Fingerprints that tell SentenceTransformers apart by what their vectors depend on."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Settings that the last call of a tokenizer has left behind; they do not identify it.
_LEFT_BEHIND = ("padding", "truncation")
_TOKENS = "token_embeddings"


def transformer_fingerprint(model: SentenceTransformer) -> str:
    """SHA-256 over everything that a SentenceTransformer's vectors depend on, whatever its name and path.

    It covers the weights and their precision, the tokenizer, the default prompt, the maximum length, and the kinds,
    order and settings of its modules (pooling, Dense with its activation, normalisation). Saving and loading a model
    does not change it. It does not cover another prompt that a call to `encode` names.
    """
    import torch

    digest = hashlib.sha256()
    unused = _unused(model)
    for name, tensor in sorted(model.state_dict().items()):
        if name.startswith(unused):
            continue
        values = tensor.detach().to("cpu", torch.float32).contiguous()
        digest.update(f"{name}{tuple(values.shape)}{tensor.dtype}".encode())
        digest.update(memoryview(values.numpy()).cast("B"))
    backend = getattr(getattr(model, "tokenizer", None), "backend_tokenizer", None)
    if backend is not None:
        settings = {key: value for key, value in json.loads(backend.to_str()).items() if key not in _LEFT_BEHIND}
        digest.update(json.dumps(settings, sort_keys=True).encode())
    prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None
    modules = [(type(module).__name__, _settings(module)) for module in model]
    digest.update(json.dumps([prompt, model.max_seq_length, modules]).encode())
    return digest.hexdigest()


def _unused(model: SentenceTransformer) -> tuple[str, ...]:
    """Prefixes of weights that no vector depends on; transformers initialises them at random if a folder lacks them.

    They belong to the pooler of BERT and similar models, which is unused if pooling is a module of its own.
    """
    children = model.named_children()
    return tuple(
        f"{name}.model.pooler." for name, module in children if getattr(module, "module_output_name", "") == _TOKENS
    )


def _settings(module: Any) -> str:  # noqa: ANN401
    """The settings that a module would save, as text; empty if its class has no `get_config_dict`."""
    values = module.get_config_dict() if hasattr(module, "get_config_dict") else {}
    return json.dumps(values, sort_keys=True, default=lambda value: type(value).__qualname__)
