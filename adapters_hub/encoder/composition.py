"""Set one transformer to one language: its embeddings, its LoRAs, its alignment deltas."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedTokenizerFast

from adapters_hub.base.files import CheckpointFiles
from adapters_hub.base.language_tags import tag_of
from adapters_hub.base.loading import BaseEncoder
from adapters_hub.base.packing import pack
from adapters_hub.encoder.language import Factors, Language
from adapters_hub.encoder.layers import LanguageDense, LanguageEmbedding
from adapters_hub.errors import CompositionError
from adapters_hub.folders import file_state
from adapters_hub.modules import Bottlenecks, LanguageModule, stack_loras


@dataclass(frozen=True, eq=False)
class _Weight:
    """A dense layer's weight, plus a copy packed for oneDNN where that is faster."""

    parameter: torch.Tensor
    packed: torch.Tensor | None


class Composition:
    """The transformer of a base encoder, set to one language module and one alignment at a time.

    The base's weights are never modified. Merged LoRAs have weights of their own, which are computed from the base's
    each time. So the weights for a language are the same bits whatever was active before, and rounding errors never
    accumulate. Alternatively, LoRAs are applied beside the base's weights, which needs no preparation but makes
    computing slightly slower.

    Args:
        base: the base; its `backbone` becomes the working transformer and belongs to this composition alone.
        device: the device to compute on.
        dtype: the precision to compute in; merging is always done in float32.
    """

    def __init__(
        self, base: BaseEncoder, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        self.base = base
        self.device = torch.device(device)
        self.dtype = dtype
        self.backbone = base.backbone
        self._dense = {
            name: LanguageDense(layer)
            for name, layer in self.backbone.named_modules()
            if isinstance(layer, nn.Linear) and re.fullmatch(base.architecture.lora_targets, name)
        }
        for name, layer in self._dense.items():
            self.backbone.set_submodule(name, layer)
        # Float32 weights to merge from. If the composition computes in float32 too, they share its memory.
        self._pristine = {name: layer.weight.detach().to(device) for name, layer in self._dense.items()}
        if self._is_plain:
            embedding = LanguageEmbedding(base.token_embeddings, dtype)
            self.backbone.set_submodule(base.architecture.token_embeddings, embedding)
        mapped = base.mapped_token_embeddings() if self.may_share else None
        # On the CPU the transformer's weights may be memory-mapped too, depending on how transformers loads them.
        files = CheckpointFiles(base.checkpoint, base.revision).weights() if self.device.type == "cpu" else []
        self._states = {path: file_state(path) for path in files}
        if mapped is None and dtype != torch.float32:
            _ = base.embeddings_fingerprint  # computed now, because the embeddings are about to be rounded
        self._move()
        self._plain = {name: _Weight(layer.weight, pack(layer.weight)) for name, layer in self._dense.items()}
        self._merged: dict[str, _Weight] = {}
        self._merged_for: Language | None = None
        if base.dense is not None:
            base.dense.to(device)  # stays in float32, like pooling
        base.own_embeddings = base.token_embeddings.weight.detach() if mapped is None else mapped
        self._base_fingerprints: dict[str | None, str] = {}  # by the tag of a language
        self._active: tuple[Language | None, bool] = (None, True)
        self._bottlenecks: Bottlenecks | None = None
        self._alignment: list[RemovableHandle] = []
        self._is_known = True
        """False while a change is in progress; if it fails, the next call applies everything again."""
        self._take_embeddings(None)

    def _move(self) -> None:
        """Move the transformer to the device and convert its precision, except for the rotary position frequencies.

        In half precision, the error of the rotary angles would grow with a token's distance from the start.
        """
        exact = {name: buffer for name, buffer in self.backbone.named_buffers() if name.endswith("inv_freq")}
        self.backbone.to(device=self.device, dtype=self.dtype)  # type: ignore[call-arg]
        for name, buffer in exact.items():
            owner, _, attribute = name.rpartition(".")
            setattr(self.backbone.get_submodule(owner), attribute, buffer.to(self.device))

    @property
    def may_share(self) -> bool:
        """Whether embeddings may stay on disk in their own precision; an embedding that scales its rows may not."""
        return self.device.type == "cpu" and self._is_plain

    @property
    def _is_plain(self) -> bool:
        return type(self.base.token_embeddings) in (nn.Embedding, LanguageEmbedding)

    def prepare(self, module: LanguageModule, *, share: bool = False) -> Language:
        """Get a module ready to be activated, any number of times.

        Args:
            module: the language module.
            share: leave memory-mapped embeddings on disk in their own precision; rows are converted when they are
                looked up, which gives the same numbers. Otherwise the embeddings are copied in this precision.

        Raises:
            CompositionError: see `module_tokenizer`.
        """
        tokenizer = module_tokenizer(self.base, module)
        factors = {
            name: (a.to(self.device), b.to(self.device)) for name, (a, b) in stack_loras(module.loras.values()).items()
        }
        embeddings = module.embeddings
        if embeddings is not None and not (share and self.may_share):
            embeddings = embeddings.to(self.device, self.dtype)
        beside = {name: (a.T.to(self.dtype), b.T.to(self.dtype)) for name, (a, b) in factors.items()}
        prompts = self.base.prompts if module.manifest.prompts is None else module.manifest.prompts
        return Language(module.manifest, prompts, tokenizer, embeddings, factors, beside)

    def check_mapped(self) -> None:
        """Refuse to compute with memory-mapped weights of the base whose file was changed.

        Raises:
            CompositionError: a file has changed since the base was loaded.
        """
        if changed := [path for path, state in self._states.items() if file_state(path) != state]:
            raise CompositionError(
                f"{changed[0]} was replaced while the base was in use: create a new encoder to use the new file"
            )

    def activate(
        self,
        language: Language | LanguageModule | None,
        bottlenecks: Bottlenecks | None = None,
        *,
        merge: bool = True,
    ) -> None:
        """Set the transformer to `language` (None: the untouched base) and switch `bottlenecks` on (None: off).

        Args:
            language: a language that `prepare` made, or its module if it is activated only once.
            bottlenecks: the alignment, on this composition's device and in its precision.
            merge: whether to merge the LoRAs into the weights; otherwise they are applied beside the weights.
        """
        if isinstance(language, LanguageModule):
            language = self.prepare(language)
        was_known, self._is_known = self._is_known, False
        if not was_known or (language, merge) != self._active:
            self._take_loras(language, merge)
            self._take_embeddings(None if language is None else language.embeddings)
            self._active = (language, merge)
        if not was_known or bottlenecks is not self._bottlenecks:
            _remove(self._alignment)
            if bottlenecks is not None:
                self._alignment += bottlenecks.attach(self.backbone, self.base.architecture)
            self._bottlenecks = bottlenecks
        self._is_known = True

    def distrust(self) -> None:
        """Treat the transformer's present state as unknown, so that the next change applies everything again."""
        self._is_known = False
        self._merged_for = None

    def forget(self, language: Language) -> None:
        """Drop all references to a language that is being unloaded."""
        if not self._is_known or self._active[0] is language:
            self.activate(None)
        if self._merged_for is language:
            self._merged_for = None

    def base_fingerprint(self, language: str | None = None) -> str:
        """Fingerprint of all that the untouched base's vectors of a language depend on, tokenizer included."""
        base, tokenizer = self.base, self.base.tokenizers.of(language)
        tag = tag_of(tokenizer)
        if tag not in self._base_fingerprints:
            content = json.loads(tokenizer.backend_tokenizer.to_str())
            content |= {"truncation": None, "padding": None}  # earlier calls may have set these
            settings = (base.pooling, base.prompt, dict(base.prompts), base.max_length)
            facts = (base.fingerprint, base.embeddings_fingerprint, content, *settings)
            digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
            self._base_fingerprints[tag] = digest.hexdigest()
        return self._base_fingerprints[tag]

    @torch.no_grad()
    def _take_loras(self, language: Language | None, merge: bool) -> None:
        factors = {} if language is None else language.factors
        if merge and factors and language is not self._merged_for:
            self._merged_for = None  # a merge that fails leaves no complete weights
            self._merge(factors)
            self._merged_for = language
        for name, layer in self._dense.items():
            changed = name in factors
            weight = self._merged[name] if merge and changed else self._plain[name]
            layer.weight, layer.packed = weight.parameter, weight.packed
            layer.low_rank = language.beside[name] if language is not None and changed and not merge else None

    def _merge(self, factors: Factors) -> None:
        for name, (a, b) in factors.items():
            pristine, merged = self._pristine[name], self._merged.get(name)
            parameter = _frozen(torch.empty_like(self._plain[name].parameter)) if merged is None else merged.parameter
            if self.dtype == torch.float32:
                torch.addmm(pristine, b, a, out=parameter.data)
            else:
                parameter.data.copy_(torch.addmm(pristine, b, a))
            self._merged[name] = _Weight(parameter, pack(parameter))

    def _take_embeddings(self, weight: torch.Tensor | None) -> None:
        embedding = self.base.token_embeddings
        weight = self.base.own_embeddings if weight is None else weight
        embedding.weight = _frozen(weight)
        embedding.num_embeddings = weight.shape[0]
        embedding.padding_idx = None  # the base's row may not exist here; it only matters for gradients


def _frozen(values: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def _remove(handles: list[RemovableHandle]) -> None:
    for handle in handles:
        handle.remove()
    handles.clear()


def module_tokenizer(base: BaseEncoder, module: LanguageModule | None) -> PreTrainedTokenizerFast:
    """The tokenizer that goes with the module's embeddings: its own, or the base's with the tag of its language.

    Raises:
        CompositionError: its padding id differs from the base's, from which the base counts positions.
    """
    own = module.tokenizer if module else None
    tokenizer = base.tokenizers.of(module.language if module else None) if own is None else own
    if module and base.architecture.counts_from_padding and tokenizer.pad_token_id != base.pad_id:
        raise CompositionError(
            f"the tokenizer of the module {module.language!r} has padding id {tokenizer.pad_token_id}, "
            f"the base {base.pad_id}: the module is not usable with this base"
        )
    return tokenizer
