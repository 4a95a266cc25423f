"""Set one transformer to one language: its embeddings, its LoRAs, its alignment deltas."""

from __future__ import annotations

import dataclasses
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
from adapters_hub.encoder.dense import LanguageDense
from adapters_hub.encoder.embedding import LanguageEmbedding
from adapters_hub.errors import CompositionError
from adapters_hub.folders import file_state
from adapters_hub.modules import Bottlenecks, LanguageModule, stack_loras

_Factors = dict[str, tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What of a language module is needed to compute with it, where it is computed.

    Attributes:
        module: the module, its tensors left out.
        embeddings: `[vocabulary, dim]`; None for the base's own.
        factors: all LoRAs as one, from `stack_loras`, float32.
        beside: the same, transposed and in the precision of the computing.
    """

    module: LanguageModule
    embeddings: torch.Tensor | None
    factors: _Factors
    beside: _Factors


@dataclass(frozen=True, eq=False)
class _Weight:
    """Of a dense layer, and the same packed, where that pays."""

    parameter: torch.Tensor
    packed: torch.Tensor | None


class Composition:
    """The transformer of a base encoder, set to one language module and one alignment at a time.

    The base's weights are never written to. LoRAs are merged into weights of their own, written anew from the base's
    each time, so that the weights for a language are the same bits whatever was active before, and nothing drifts. Or
    they are added beside the base's weights, which takes no time to set up and a little more to compute.

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
            name: LanguageDense.take_over(layer)
            for name, layer in self.backbone.named_modules()
            if isinstance(layer, nn.Linear) and re.fullmatch(base.architecture.lora_targets, name)
        }
        # In float32, to merge into; the same memory as what is computed with where that is float32 too.
        self._pristine = {name: layer.weight.detach().to(device) for name, layer in self._dense.items()}
        if self._is_plain:
            LanguageEmbedding.take_over(base.token_embeddings, dtype)
        mapped = base.mapped_token_embeddings() if self.may_share else None
        # On the CPU the transformer's weights may lie there as well, as transformers reads them.
        files = CheckpointFiles(base.checkpoint, base.revision).weights() if self.device.type == "cpu" else []
        self._states = {path: file_state(path) for path in files}
        if mapped is None and dtype != torch.float32:
            _ = base.embeddings_fingerprint  # while its numbers are there: they are about to be rounded
        self._move()
        self._plain = {name: _Weight(layer.weight, pack(layer.weight)) for name, layer in self._dense.items()}
        self._merged: dict[str, _Weight] = {}
        self._merged_for: Prepared | None = None
        if base.dense is not None:
            base.dense.to(device)  # in float32, as vectors are pooled
        base.own_embeddings = base.token_embeddings.weight.detach() if mapped is None else mapped
        self._base_fingerprints: dict[str | None, str] = {}  # by the tag of a language
        self._active: tuple[Prepared | None, bool] = (None, True)
        self._bottlenecks: Bottlenecks | None = None
        self._alignment: list[RemovableHandle] = []
        self._is_known = True
        """Whether the transformer is what the above say; not from when a change begins until all of it went through."""
        self._take_embeddings(None)

    def _move(self) -> None:
        """Bring the transformer to the device and into the precision, but not what rotary positions are computed from.

        Rounded to half precision their angles would be off by more the further a token is from the start.
        """
        exact = {name: buffer for name, buffer in self.backbone.named_buffers() if name.endswith("inv_freq")}
        self.backbone.to(device=self.device, dtype=self.dtype)  # type: ignore[call-arg]
        for name, buffer in exact.items():
            owner, _, attribute = name.rpartition(".")
            setattr(self.backbone.get_submodule(owner), attribute, buffer.to(self.device))

    @property
    def may_share(self) -> bool:
        """Whether embeddings may stay on disk in their own precision: one that scales has to do so in ours."""
        return self.device.type == "cpu" and self._is_plain

    @property
    def _is_plain(self) -> bool:
        return type(self.base.token_embeddings) in (nn.Embedding, LanguageEmbedding)

    def prepare(self, module: LanguageModule, *, share: bool = False) -> Prepared:
        """Get a module ready to be activated, any number of times.

        Args:
            module: the language module.
            share: leave embeddings that lie memory-mapped on disk there, in their own precision; rows are widened when
                they are looked up, which gives the same numbers. Otherwise they are a copy in this precision.
        """
        factors = {
            name: (a.to(self.device), b.to(self.device)) for name, (a, b) in stack_loras(module.loras.values()).items()
        }
        embeddings = module.embeddings
        if embeddings is not None and not (share and self.may_share):
            embeddings = embeddings.to(self.device, self.dtype)
        beside = {name: (a.T.to(self.dtype), b.T.to(self.dtype)) for name, (a, b) in factors.items()}
        return Prepared(dataclasses.replace(module, embeddings=None, loras={}), embeddings, factors, beside)

    def check_mapped(self) -> None:
        """Refuse to compute with weights of the base that lie on disk, if somebody has written into their file.

        Raises:
            CompositionError: a file is another than when the base was loaded.
        """
        if changed := [path for path, state in self._states.items() if file_state(path) != state]:
            raise CompositionError(
                f"{changed[0]} was replaced while the base was in use: make a new encoder from what lies there now"
            )

    def activate(
        self,
        module: LanguageModule | Prepared | None,
        bottlenecks: Bottlenecks | None = None,
        *,
        merge: bool = True,
    ) -> None:
        """Set the transformer to `module` (None: the untouched base) and switch `bottlenecks` on (None: off).

        Args:
            module: the language module; from `prepare` where it is activated more than once.
            bottlenecks: the alignment; on this composition's device and in its precision.
            merge: whether to merge the LoRAs, or to add them beside the weights.
        """
        prepared = self.prepare(module) if isinstance(module, LanguageModule) else module
        was_known, self._is_known = self._is_known, False
        if not was_known or (prepared, merge) != self._active:
            self._take_loras(prepared, merge)
            self._take_embeddings(self.base.own_embeddings if prepared is None else prepared.embeddings)
            self._active = (prepared, merge)
        if not was_known or bottlenecks is not self._bottlenecks:
            _remove(self._alignment)
            if bottlenecks is not None:
                self._alignment += bottlenecks.attach(self.backbone, self.base.architecture)
            self._bottlenecks = bottlenecks
        self._is_known = True

    def distrust(self) -> None:
        """Take nothing of the transformer's present state for granted at the next change."""
        self._is_known = False
        self._merged_for = None

    def forget(self, prepared: Prepared) -> None:
        """Keep nothing of a module that is unloaded."""
        if not self._is_known or self._active[0] is prepared:
            self.activate(None)
        if self._merged_for is prepared:
            self._merged_for = None

    def base_fingerprint(self, language: str | None = None) -> str:
        """Of all that the untouched base's own vectors of a language depend on, embeddings and tokenizer included."""
        base, tokenizer = self.base, self.base.tokenizers.of(language)
        tag = tag_of(tokenizer)
        if tag not in self._base_fingerprints:
            content = json.loads(tokenizer.backend_tokenizer.to_str())
            content |= {"truncation": None, "padding": None}  # what earlier calls set
            settings = (base.pooling, base.prompt, base.max_length)
            facts = (base.fingerprint, base.embeddings_fingerprint, content, *settings)
            digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
            self._base_fingerprints[tag] = digest.hexdigest()
        return self._base_fingerprints[tag]

    @torch.no_grad()
    def _take_loras(self, prepared: Prepared | None, merge: bool) -> None:
        if merge and prepared is not None and prepared is not self._merged_for:
            self._merged_for = None  # if merging fails, of nothing whole
            self._merge(prepared.factors)
            self._merged_for = prepared
        for name, layer in self._dense.items():
            changed = prepared is not None and name in prepared.factors
            weight = self._merged[name] if merge and changed else self._plain[name]
            layer.weight, layer.packed = weight.parameter, weight.packed
            layer.low_rank = prepared.beside[name] if prepared is not None and changed and not merge else None

    def _merge(self, factors: _Factors) -> None:
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
        embedding.padding_idx = None  # a row of the base's, which need not be there; it only matters to gradients


def _frozen(values: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def _remove(handles: list[RemovableHandle]) -> None:
    for handle in handles:
        handle.remove()
    handles.clear()


def module_tokenizer(base: BaseEncoder, module: LanguageModule | None) -> PreTrainedTokenizerFast:
    """The tokenizer that goes with the module's embeddings: its own, or the base's with the tag of its language.

    Raises:
        CompositionError: its padding id is not the base's, and the base counts positions from it.
    """
    own = module.tokenizer if module else None
    tokenizer = base.tokenizers.of(module.language if module else None) if own is None else own
    if module and base.architecture.counts_from_padding and tokenizer.pad_token_id != base.pad_id:
        raise CompositionError(
            f"the tokenizer of the module {module.language!r} has padding id {tokenizer.pad_token_id}, "
            f"the base {base.pad_id}: the module is not usable with this base"
        )
    return tokenizer
