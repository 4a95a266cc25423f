"""One language of an encoder as a transformer of its own."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize as unit_length

from adapters_hub.base import plain_tokenizer
from adapters_hub.encoder.alignment import Align, check_aligned
from adapters_hub.encoder.engine import Engine
from adapters_hub.encoder.pooling import SentenceHead


class Extract(nn.Module):
    """A copy of an encoder's transformer for one language, on the encoder's device and in its precision.

    The LoRAs are merged into its weights, it has the language's embeddings, and the alignment bottlenecks, if there
    are any, are attached. It shares no memory with the encoder.

    Attributes:
        manifest: the manifest of the language module.
        prompts: the prompts of a `query` and a `document`, where they differ from the manifest's `prompt`.
        adapters: the manifests of the alignment adapters that are on.
        fingerprints: see `ModularEncoder.fingerprints`.
        tokenizer: its own tokenizer.
        backbone: the transformer.
        bottlenecks: the alignment bottlenecks, or None.
        head: pooling, and the base's dense layers.
    """

    def __init__(self, engine: Engine, code: str, align: Align) -> None:
        super().__init__()
        composition, languages, base = engine.composition, engine.languages, engine.composition.base
        with engine.lock:
            check_aligned(align, list(languages))
            weights, own = languages.weights(code, align), languages.get(code)
            composition.activate(own)
            self.backbone = copy.deepcopy(composition.backbone)
            self.bottlenecks = copy.deepcopy(own.alignment(weights, composition.device, composition.dtype))
            self.manifest = languages.module(code).manifest
            self.prompts = dict(own.prompts)
            self.adapters = [languages.adapter(code, objective).manifest for objective, _ in weights]
            self.fingerprints = engine.fingerprints(code, align, None)
            self.tokenizer = plain_tokenizer(own.tokenizer, model_max_length=self.manifest.max_length)
        # Clear what earlier calls set on the tokenizer: it would be written to its file.
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.backend_tokenizer.no_padding()
        embedding = self.backbone.get_submodule(base.architecture.token_embeddings)
        assert isinstance(embedding, nn.Embedding)
        # Embeddings that stay on disk have a precision of their own.
        embedding.weight = nn.Parameter(embedding.weight.detach().to(composition.dtype), requires_grad=False)
        config = self.backbone.config
        config.vocab_size = embedding.num_embeddings
        for role in ("pad_token_id", "bos_token_id", "eos_token_id"):
            setattr(config, role, getattr(self.tokenizer, role))
        config.name_or_path = ""  # the path that it was loaded from is private
        if self.bottlenecks is not None:
            self.bottlenecks.attach(self.backbone, base.architecture)
        self.head = copy.deepcopy(SentenceHead.of(base, self.tokenizer, self.manifest))
        self.eval().requires_grad_(False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Token vectors `[batch, tokens, width]` and unit vectors `[batch, dim]` of sequences `[batch, tokens]`."""
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden, unit_length(self.head(hidden, attention_mask), dim=-1)

    @torch.inference_mode()
    def vectors(self, sentences: Sequence[str]) -> np.ndarray:
        """Unit vectors `[n, dim]` of sentences, which are silently truncated at `max_length`."""
        texts = [self.manifest.prompt + sentence for sentence in sentences]
        length = self.manifest.max_length
        batch = self.tokenizer(texts, truncation=True, max_length=length, padding=True, return_tensors="pt")
        batch = batch.to(self.backbone.device)
        return self(batch["input_ids"], batch["attention_mask"])[1].cpu().numpy()  # type: ignore[no-any-return]
