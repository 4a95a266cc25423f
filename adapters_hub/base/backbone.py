"""Load the transformer of a base encoder, frozen.

This imports what transformers computes with, which takes seconds: whoever only reads modules does not import it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.models.m2m_100.modeling_m2m_100 import M2M100Encoder
from transformers.utils import logging as transformers_logging

from adapters_hub.base.architectures import Architecture
from adapters_hub.base.attention import use_batched_products
from adapters_hub.base.files import CheckpointFiles
from adapters_hub.base.proportions import check_size
from adapters_hub.errors import BaseEncoderError, first_line


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hide the reports of transformers, and its progress bars: reading and writing weights takes only a moment."""
    bars, verbosity = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


def load_backbone(
    source: str, checkpoint: str, revision: str | None, architecture: Architecture, config: PretrainedConfig
) -> PreTrainedModel:
    """Load a transformer in float32, without gradients, in evaluation mode, with the attention that is fast here.

    Raises:
        BaseEncoderError: the weights do not fit `config`, cannot be read, or some are missing.
    """
    options: dict[str, Any] = {
        "revision": revision,
        "dtype": torch.float32,
        "use_safetensors": True,
        "output_loading_info": True,
    }
    loader: Any = AutoModel
    make: Callable[[], nn.Module] = functools.partial(AutoModel.from_config, copy.deepcopy(config))
    if architecture.model_type == "m2m_100" and config.architectures == ["M2M100Encoder"]:
        make = functools.partial(M2M100Encoder, copy.deepcopy(config))  # type: ignore[arg-type]
        loader = M2M100Encoder
    elif architecture.blocks == "encoder.layer":
        options["add_pooling_layer"] = False
    try:
        with quiet_transformers():  # unused tensors of an MLM head or a pooler are expected
            check_size(source, CheckpointFiles(checkpoint, revision), make)
            model, loaded = loader.from_pretrained(checkpoint, trust_remote_code=False, **options)
    except BaseEncoderError:
        raise
    except (OSError, ValueError, SafetensorError) as error:
        raise BaseEncoderError(
            f"the weights of base encoder {source!r} cannot be read from safetensors: {first_line(error)}"
        ) from error
    except RuntimeError as error:
        raise BaseEncoderError(
            f"the weights of base encoder {source!r} do not have the shapes that its config.json gives: fetch it again"
        ) from error
    except Exception as error:  # transformers may raise anything for an invalid config.json
        raise BaseEncoderError(
            f"base encoder {source!r} cannot be made from its config.json ({type(error).__name__}: "
            f"{first_line(error)}): fetch it again"
        ) from error
    if missing := sorted(loaded["missing_keys"]):
        raise BaseEncoderError(
            f"base encoder {source!r} lacks {len(missing)} tensors that its config.json asks for, the first is "
            f"{missing[0]!r}: fetch it again, or choose another base"
        )
    if loader is AutoModel and architecture.model_type == "m2m_100":
        model = model.get_encoder()
    model.requires_grad_(False).eval()
    if getattr(model.config, "use_cache", False):
        model.config.use_cache = False  # the cache of keys and values only serves generation
    use_batched_products(model)
    return cast(PreTrainedModel, model)
