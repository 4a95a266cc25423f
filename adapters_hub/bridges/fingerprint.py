"""Tell SentenceTransformers apart by the vectors they give."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Of a tokenizer: what its last call has left behind, not what it is.
_LEFT_BEHIND = ("padding", "truncation")
_TOKENS = "token_embeddings"


def transformer_fingerprint(model: SentenceTransformer) -> str:
    """SHA-256 over all that the vectors of a SentenceTransformer depend on, whatever its name and place.

    It covers the weights and their precision, the tokenizer, the default prompt, the length, and the kinds, order and
    settings of its modules (pooling, Dense with its activation, normalisation). A model that is saved and loaded keeps
    it. Vectors that are made with another prompt than the default one need the prompt named beside it.

    Args:
        model: the loaded model.
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
    """Prefixes of weights that no vector depends on: transformers draws them anew where a folder has none.

    They are the head by which BERT and its like pool, where the pooling is a module of its own.
    """
    children = model.named_children()
    return tuple(
        f"{name}.model.pooler." for name, module in children if getattr(module, "module_output_name", "") == _TOKENS
    )


def _settings(module: Any) -> str:  # noqa: ANN401
    """What a module would save of itself, as text; none of one that has another class than the library's."""
    values = module.get_config_dict() if hasattr(module, "get_config_dict") else {}
    return json.dumps(values, sort_keys=True, default=lambda value: type(value).__qualname__)
