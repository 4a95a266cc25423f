"""Turn sentences of loaded languages into vectors, one language after the other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from adapters_hub.encoder.composition import Composition, Prepared
from adapters_hub.encoder.head import SentenceHead
from adapters_hub.encoder.languages import Languages
from adapters_hub.encoder.passes import pad, split_passes
from adapters_hub.encoder.tokens import TokenIds, Tokens, tokenize
from adapters_hub.errors import CompositionError
from adapters_hub.modules import Bottlenecks
from adapters_hub.texts import Texts

_TOKENS_PER_PASS = {"cpu": 2048, "cuda": 32_768}
# Number of tokens to encode below which LoRAs beside the weights are faster than merging them first.
_MERGING_PAYS = 4096


@dataclass(frozen=True)
class Reading:
    """How sentences of a language are read and pooled.

    Attributes:
        tokenizer: the tokenizer of the module or of the base.
        max_length: number of tokens after which a sentence is cut.
        prompt: text put before every sentence.
        pooling: one of `POOLINGS`.
    """

    tokenizer: PreTrainedTokenizerFast
    max_length: int
    prompt: str
    pooling: str


class Computing:
    """Tokenizes and encodes sentences of one language at a time.

    Args:
        composition: the transformer, which is set to one language at a time.
        languages: the languages that are loaded.
    """

    def __init__(self, composition: Composition, languages: Languages) -> None:
        self._composition = composition
        self._languages = languages

    def reading(self, code: str | None, base_language: str | None = None) -> Reading:
        """How sentences of a language are read.

        Args:
            code: ISO 639-3; None for the base.
            base_language: see `ModularEncoder.encode`.

        Raises:
            CompositionError: the language is not loaded.
        """
        base = self._composition.base
        if code is None:
            return Reading(base.tokenizers.of(base_language), base.max_length, base.prompt, base.pooling)
        memory = self._languages.memory(code)
        manifest = memory.prepared.module.manifest
        return Reading(memory.tokenizer, manifest.max_length, manifest.prompt, manifest.pooling)

    def tokenized(
        self,
        texts: Texts,
        groups: dict[str | None, list[int]],
        max_length: int | None,
        base_language: str | None,
    ) -> Iterator[tuple[str | None, list[int], list[Tokens]]]:
        """Yield each language with its sentences' indices and tokens, while the next language is tokenized ahead."""

        def of(code: str | None, reading: Reading) -> list[Tokens]:
            sentences = [texts.present[index] for index in groups[code]]
            numbers = [texts.places[index] for index in groups[code]]
            return tokenize(
                sentences, reading.prompt, reading.tokenizer, max_length or reading.max_length, code or "base", numbers
            )

        if len(groups) < 2 or not self._languages.holds_two:
            for code, indices in groups.items():
                yield code, indices, of(code, self.reading(code, base_language))
            return
        with ThreadPoolExecutor(1) as executor:
            ahead: list[tuple[str | None, Future[list[Tokens]]]] = []
            for code in groups:
                ahead.append((code, executor.submit(of, code, self.reading(code, base_language))))
                if len(ahead) > 1:
                    ready, future = ahead.pop(0)
                    yield ready, groups[ready], future.result()
            ready, future = ahead.pop()
            yield ready, groups[ready], future.result()

    @torch.inference_mode()
    def vectors(
        self,
        code: str | None,
        ids: list[TokenIds],
        bottlenecks: Bottlenecks | None,
        batch_size: int | None,
        progress: tqdm,
    ) -> torch.Tensor:
        """Vectors `[n, dim]`, float32, of the sentences of one language."""
        reading = self.reading(code)
        # Each sequence occurs once, and sorting includes the tokens themselves. So the batches, and thus the vectors
        # down to the last bit, do not depend on the order of the sentences.
        sequences = sorted(set(ids), key=lambda sequence: (len(sequence), sequence))
        lengths = [len(sequence) for sequence in sequences]
        prepared: Prepared | None = self._languages.memory(code).prepared if code is not None else None
        composition, device = self._composition, self._composition.device
        composition.check_mapped()
        composition.activate(prepared, bottlenecks, merge=sum(lengths) >= _MERGING_PAYS)
        head = SentenceHead.of(composition.base, reading.tokenizer, reading)
        pooled = torch.empty(len(sequences), composition.base.dimension, device=device)
        budget = _TOKENS_PER_PASS.get(device.type, _TOKENS_PER_PASS["cuda"])
        for part in split_passes(lengths, budget, batch_size):
            padded, mask = (tensor.to(device) for tensor in pad(sequences[part], reading.tokenizer.pad_token_id))
            unpadded = lengths[part.start] == lengths[part.stop - 1]
            # Attention is fastest without a mask.
            hidden = composition.backbone(input_ids=padded, attention_mask=None if unpadded else mask).last_hidden_state
            pooled[part] = head(hidden, mask)
            progress.update(part.stop - part.start)
        if not torch.isfinite(pooled).all():
            raise CompositionError(
                f"the vectors of {code or 'the base'!r} are not finite in {composition.dtype}: use dtype float32, or "
                "another module or alignment adapter, whose training has not diverged"
            )
        progress.update(len(ids) - len(sequences))
        row = {sequence: number for number, sequence in enumerate(sequences)}
        return pooled[[row[sequence] for sequence in ids]]
