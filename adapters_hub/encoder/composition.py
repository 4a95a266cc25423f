"""Set one transformer to one language: its embeddings, its merged LoRAs, its alignment deltas."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedTokenizerFast

from adapters_hub.base.loading import BaseEncoder
from adapters_hub.errors import CompositionError
from adapters_hub.modules.bottleneck import Bottlenecks
from adapters_hub.modules.language_module import LanguageModule
from adapters_hub.modules.lora import LoRA


class Composition:
    """The transformer of a base encoder, set to one language module and one alignment at a time.

    LoRAs are merged into working weights that are written anew from pristine ones each time. So the weights for a
    language are the same bits whatever was active before, and nothing drifts.

    Args:
        base: its `backbone` becomes the working transformer: one composition owns it.
        device: where it computes.
        dtype: precision it computes in; merging is always done in float32.
    """

    def __init__(
        self, base: BaseEncoder, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        self.base = base
        self.device = torch.device(device)
        self.dtype = dtype
        self.backbone = base.backbone
        self._dense = {
            name: layer
            for name, layer in self.backbone.named_modules()
            if isinstance(layer, nn.Linear) and re.fullmatch(base.architecture.lora_targets, name)
        }
        self._pristine = {name: layer.weight.detach().clone().to(device) for name, layer in self._dense.items()}
        self.backbone.to(device=self.device, dtype=dtype)  # type: ignore[call-arg]
        self._base_embeddings = base.token_embeddings.weight.detach()
        self._changed: set[str] = set()
        self._module: LanguageModule | None = None
        self._bottlenecks: Bottlenecks | None = None
        self._handles: list[RemovableHandle] = []

    def activate(
        self,
        module: LanguageModule | None,
        bottlenecks: Bottlenecks | None = None,
        *,
        embeddings: torch.Tensor | None = None,
    ) -> None:
        """Set the transformer to `module` (None: the untouched base) and switch `bottlenecks` on (None: off).

        Args:
            module: the language module.
            bottlenecks: the alignment; on this composition's device and in its precision.
            embeddings: the module's embeddings where they are kept already on the device and in the precision.
        """
        if module is not self._module:
            self._merge(module.loras.values() if module else ())
            weight = embeddings if embeddings is not None else module.embeddings if module else None
            self._set_embeddings(self._base_embeddings if weight is None else weight)
            self._module = module
        if bottlenecks is not self._bottlenecks:
            for handle in self._handles:
                handle.remove()
            self._handles = bottlenecks.attach(self.backbone, self.base.architecture) if bottlenecks else []
            self._bottlenecks = bottlenecks

    def base_fingerprint(self) -> str:
        """Of all that the untouched base's own vectors depend on, its embeddings and tokenizer included."""
        digest = hashlib.sha256(self.base.fingerprint.encode())
        values = self._base_embeddings.to("cpu", torch.float32).contiguous()
        digest.update(memoryview(values.numpy()).cast("B"))  # type: ignore[arg-type]
        digest.update(self.base.tokenizer.backend_tokenizer.to_str().encode())
        digest.update(repr((self.base.pooling, self.base.prompt)).encode())
        return digest.hexdigest()

    @torch.no_grad()
    def _merge(self, loras: Iterable[LoRA]) -> None:
        loras = list(loras)
        wanted = {name for lora in loras for name in lora.factors}
        for name in self._changed | wanted:
            weight = self._pristine[name]
            for lora in loras:
                if name in lora.factors:
                    weight = weight + lora.delta(name).to(self.device)
            self._dense[name].weight.copy_(weight)
        self._changed = wanted

    def _set_embeddings(self, weight: torch.Tensor) -> None:
        embedding = self.base.token_embeddings
        embedding.weight = nn.Parameter(weight.to(self.device, self.dtype), requires_grad=False)
        embedding.num_embeddings = weight.shape[0]


def module_tokenizer(base: BaseEncoder, module: LanguageModule | None) -> PreTrainedTokenizerFast:
    """The tokenizer that goes with the module's embeddings.

    Raises:
        CompositionError: its padding id is not the base's, from which some architectures count positions.
    """
    tokenizer = module.tokenizer if module and module.tokenizer is not None else base.tokenizer
    if module and tokenizer.pad_token_id != base.tokenizer.pad_token_id:
        raise CompositionError(
            f"the tokenizer of the module {module.language!r} has padding id {tokenizer.pad_token_id}, "
            f"the base {base.tokenizer.pad_token_id}: the module is not usable with this base"
        )
    return tokenizer
