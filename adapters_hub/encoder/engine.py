"""What an encoder works with: one transformer, the languages that it is set to, and a lock around both."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from tqdm.auto import tqdm

from adapters_hub.base import BaseEncoder
from adapters_hub.detection import AutoLanguage
from adapters_hub.encoder.alignment import Align, check_aligned
from adapters_hub.encoder.composition import Composition
from adapters_hub.encoder.language import Language
from adapters_hub.encoder.languages import Languages
from adapters_hub.encoder.passes import pad, split_passes
from adapters_hub.encoder.pooling import SentenceHead
from adapters_hub.encoder.precision import Precision, resolve_precision
from adapters_hub.encoder.sentences import group_by_language
from adapters_hub.encoder.tokens import TokenIds, Tokens, tokenize
from adapters_hub.errors import AdaptersHubError, CompositionError
from adapters_hub.format import PromptName
from adapters_hub.modules import Bottlenecks
from adapters_hub.texts import Texts

_TOKENS_PER_PASS = {"cpu": 2048, "cuda": 32_768}
# Number of tokens to encode below which LoRAs beside the weights are faster than merging them first.
_MERGING_PAYS = 4096


class Engine:
    """Encodes sentences of one language after the other; one thread at a time. Arguments as for `ModularEncoder`.

    Attributes:
        lock: held while the languages or the transformer change or are used.
        composition: the transformer, which is set to one language at a time.
        languages: the languages that were added.
        auto: how sentences are treated whose language is detected.

    Raises:
        AdaptersHubError: `dtype` or `max_loaded_modules` is not valid.
    """

    def __init__(
        self,
        base: BaseEncoder,
        device: str | torch.device | None,
        dtype: Precision,
        max_loaded_modules: int | None,
        auto: AutoLanguage,
    ) -> None:
        if max_loaded_modules is not None and max_loaded_modules < 1:
            raise AdaptersHubError(f"max_loaded_modules must be at least 1, not {max_loaded_modules}")
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.composition = Composition(base, device, resolve_precision(dtype, device))
        self.languages = Languages(self.composition, max_loaded_modules)
        self.auto = auto
        self.lock = threading.RLock()
        self._stranded = False  # a forked child process cannot use its parent's GPU
        _LIVE.add(self)

    def after_fork(self) -> None:
        """Reset a forked child: another thread may have held the lock or been changing the transformer."""
        self.lock = threading.RLock()
        self.composition.distrust()
        self._stranded = self.composition.device.type == "cuda"

    def encode(
        self,
        texts: Texts,
        language: str | Sequence[str | None] | None,
        align: Align,
        prompt_name: PromptName | None,
        batch_size: int | None,
        max_length: int | None,
        base_language: str | None,
        show_progress: bool,
    ) -> tuple[torch.Tensor, list[Tokens]]:
        """Vectors `[n, dim]`, float32, and tokens of the sentences that are present; see `ModularEncoder.encode`."""
        if self._stranded:
            raise AdaptersHubError(
                "an encoder on a GPU cannot compute in a forked process: start the processes by spawn, such as "
                "DataLoader(…, multiprocessing_context='spawn')"
            )
        composition, languages, count = self.composition, self.languages, len(texts.present)
        read: dict[int, Tokens] = {}
        with self.lock, tqdm(total=count, unit="sentence", disable=not show_progress) as progress:
            groups = group_by_language(texts, language, list(languages), self.auto)
            check_aligned(align, list(languages))
            # Invalid alignments are refused before anything is computed.
            weights = {code: languages.weights(code, align) for code in groups}
            vectors = torch.empty(count, composition.base.dimension, device=composition.device)
            for code, tokens in self._tokenized(texts, groups, prompt_name, max_length, base_language):
                ids = [one.ids for one in tokens]
                own = languages.get(code, base_language)
                bottlenecks = own.alignment(weights[code], composition.device, composition.dtype)
                vectors[groups[code]] = self._vectors(
                    own, own.prompt(prompt_name), bottlenecks, ids, batch_size, progress
                )
                read.update(zip(groups[code], tokens, strict=True))
        return vectors, [read[index] for index in range(count)]

    def fingerprints(self, code: str | None, align: Align, base_language: str | None) -> tuple[str, ...]:
        """See `ModularEncoder.fingerprints`."""
        with self.lock:
            if code is None:
                return (self.composition.base_fingerprint(base_language),)
            manifest = self.languages.module(code).manifest
            used = [
                (self.languages.adapter(code, objective).manifest.fingerprint, weight)
                for objective, weight in self.languages.weights(code, align)
            ]
            unsaid = manifest.base.vocabulary_fingerprint is None
            vocabulary = self.composition.base.vocabulary_fingerprint(manifest.components) if unsaid else None
        return (
            manifest.fingerprint,
            *([vocabulary] if vocabulary else []),
            *(own if weight == 1 else f"{weight!r}*{own}" for own, weight in used),
        )

    def _tokenized(
        self,
        texts: Texts,
        groups: dict[str | None, list[int]],
        prompt_name: PromptName | None,
        max_length: int | None,
        base_language: str | None,
    ) -> Iterator[tuple[str | None, list[Tokens]]]:
        """Yield each language with its sentences' tokens, while the next language is tokenized ahead."""

        def of(code: str | None, own: Language) -> list[Tokens]:
            sentences = [texts.present[index] for index in groups[code]]
            numbers = [texts.places[index] for index in groups[code]]
            length = max_length or own.settings.max_length
            return tokenize(sentences, own.prompt(prompt_name), own.tokenizer, length, code or "base", numbers)

        if len(groups) < 2 or not self.languages.holds_two:
            for code in groups:
                yield code, of(code, self.languages.get(code, base_language))
            return
        with ThreadPoolExecutor(1) as executor:
            started = ((code, executor.submit(of, code, self.languages.get(code, base_language))) for code in groups)
            ready = next(started)
            for ahead in started:
                yield ready[0], ready[1].result()
                ready = ahead
            yield ready[0], ready[1].result()

    @torch.inference_mode()
    def _vectors(
        self,
        language: Language,
        prompt: str,
        bottlenecks: Bottlenecks | None,
        ids: list[TokenIds],
        batch_size: int | None,
        progress: tqdm,
    ) -> torch.Tensor:
        """Vectors `[n, dim]`, float32, of the sentences of one language."""
        # Each sequence occurs once, and sorting includes the tokens themselves. So the batches, and thus the vectors
        # down to the last bit, do not depend on the order of the sentences.
        sequences = sorted(set(ids), key=lambda sequence: (len(sequence), sequence))
        lengths = [len(sequence) for sequence in sequences]
        composition, device = self.composition, self.composition.device
        composition.check_mapped()
        composition.activate(language, bottlenecks, merge=sum(lengths) >= _MERGING_PAYS)
        head = SentenceHead.of(composition.base, language.tokenizer, language.settings, prompt)
        pooled = torch.empty(len(sequences), composition.base.dimension, device=device)
        budget = _TOKENS_PER_PASS.get(device.type, _TOKENS_PER_PASS["cuda"])
        for part in split_passes(lengths, budget, batch_size):
            padded, mask = (tensor.to(device) for tensor in pad(sequences[part], language.tokenizer.pad_token_id))
            unpadded = lengths[part.start] == lengths[part.stop - 1]
            # Attention is fastest without a mask.
            hidden = composition.backbone(input_ids=padded, attention_mask=None if unpadded else mask).last_hidden_state
            pooled[part] = head(hidden, mask)
            progress.update(part.stop - part.start)
        if not torch.isfinite(pooled).all():
            raise CompositionError(
                f"the vectors of {language.code or 'the base'!r} are not finite in {composition.dtype}: use dtype "
                "float32, or another module or alignment adapter, whose training has not diverged"
            )
        progress.update(len(ids) - len(sequences))
        row = {sequence: number for number, sequence in enumerate(sequences)}
        return pooled[[row[sequence] for sequence in ids]]


_LIVE: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork() -> None:
    """Reset a forked child, which inherits the memory of its parent but none of its threads."""
    if _LIVE:
        torch.set_num_threads(1)  # otherwise OpenMP would wait for the parent's threads
    for engine in list(_LIVE):
        engine.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)
