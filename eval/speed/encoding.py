"""Encoding speed: one language, mixed languages, one sentence at a time, and the share of the matrix rate."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from adapters_hub import ModularEncoder
from adapters_hub.bridges import export_merged
from eval.speed.measure import Row, device, interleaved, precision, seconds
from eval.speed.modules import make_adapter, make_modules
from eval.speed.text import Text
from eval.speed.training import flops_of_a_token, matrix_rate_of_the_base

_SIZE = 16_000
_Row = TypeVar("_Row")


class Encoding:
    """Compares an encoder with eight languages and one alignment adapter to a SentenceTransformer of one language.

    Args:
        text: text to encode.
        work: folder for the modules.
        sentences: number of sentences to encode in total; each repetition encodes a different part.
        repeats: number of measurements per side.
    """

    def __init__(self, text: Text, work: Path, sentences: int, repeats: int) -> None:
        self.text, self.sentences, self.repeats = text, sentences, repeats
        folder = work / "modules-16k"
        folder.mkdir(parents=True, exist_ok=True)
        self.languages = text.languages(8)
        modules = make_modules(text, self.languages, _SIZE, folder)
        adapter = make_adapter(folder / "deu", folder / "eng", folder / "deu-eng-both")
        stock = work / "stock-16k"
        if not stock.is_dir():
            export_merged(ModularEncoder(modules=[folder / "deu"], device="cpu"), "deu", stock)
        dtype: torch.dtype = getattr(torch, precision())
        self.encoder = ModularEncoder(modules=[*modules, adapter], dtype=dtype, device=device())
        self.peer = SentenceTransformer(str(stock), device=device(), model_kwargs={"dtype": dtype})

    def rows(self) -> list[Row]:
        """Measure all encoding jobs."""
        return [*self._one_language(), self._mixed(), self._latency()]

    def _one_language(self) -> list[Row]:
        texts = self.text.mono("deu", self.sentences)
        self.encoder.encode(texts[:64], "deu", align={"deu": "both"})
        self.peer.encode(texts[:64])
        aligned, stock = self._by_part(
            texts,
            lambda part: self.encoder.encode(part, "deu", align={"deu": "both"}),
            lambda part: self.peer.encode(part, batch_size=32),
        )
        parts = iter(self._parts(texts))

        def tokens_a_second() -> float:
            part = next(parts)
            return self._tokens(part) / seconds(partial(self.encoder.encode, part, "deu"))

        # The limit is measured at every repetition, because on a shared machine it changes within minutes.
        reached, limits = interleaved(tokens_a_second, matrix_rate_of_the_base, self.repeats)
        facts = {"tokens of a sentence": round(self._tokens(texts) / len(set(texts)), 1)}
        return [
            Row(
                f"encode {len(texts):,} sentences, aligned", "sentences/s", aligned, stock,
                "SentenceTransformer.encode, no alignment", 1.3, facts=facts,
            ),
            Row(
                "encode, matrix rate", "FLOP/s", [flops_of_a_token() * value for value in reached], limits,
                "the machine's limit", 0.7, facts={"tokens/s": reached},
            ),
        ]  # fmt: skip

    def _mixed(self) -> Row:
        share = self.sentences // len(self.languages)
        pairs = [(text, code) for code in self.languages for text in self.text.mono(code, share)]
        random.Random(0).shuffle(pairs)
        mixed, alone = self._by_part(
            pairs,
            lambda part: self.encoder.encode([text for text, _ in part], [code for _, code in part]),
            self._language_by_language,
        )
        name = f"encode the same number mixed over {len(self.languages)} languages"
        return Row(name, "sentences/s", mixed, alone, "ours, one language at a time", 0.9)

    def _language_by_language(self, pairs: list[tuple[str, str]]) -> None:
        for language in self.languages:
            self.encoder.encode([text for text, code in pairs if code == language], language)

    def _tokens(self, texts: Sequence[str]) -> int:
        """Number of tokens of the distinct texts, since each distinct text is encoded once."""
        prompted = [self.encoder.base.prompt + text for text in sorted(set(texts))]
        return sum(map(len, self.peer.tokenizer(prompted, truncation=True, max_length=128)["input_ids"]))

    def _parts(self, rows: list[_Row]) -> list[list[_Row]]:
        return [rows[start :: self.repeats] for start in range(self.repeats)]

    def _by_part(
        self, rows: list[_Row], ours: Callable[[list[_Row]], object], peer: Callable[[list[_Row]], object]
    ) -> tuple[list[float], list[float]]:
        """Rows per second of both sides, for each part."""

        def rates(encode: Callable[[list[_Row]], object]) -> Iterator[float]:
            for part in self._parts(rows):
                yield len(part) / seconds(partial(encode, part))

        mine, theirs = rates(ours), rates(peer)
        return interleaved(lambda: next(mine), lambda: next(theirs), self.repeats)

    def _latency(self) -> Row:
        count = min(40 * self.repeats, 200)
        texts = {code: self.text.mono(code, count) for code in self.languages}
        turns = [(texts[code][turn], code) for turn in range(count // 8) for code in self.languages]
        ours = [seconds(lambda text=text, code=code: self.encoder.encode(text, code)) for text, code in turns]  # type: ignore[misc]
        german = texts["deu"][: len(turns)]
        peer = [seconds(lambda text=text: self.peer.encode(text)) for text in german]  # type: ignore[misc]
        facts = {
            "p90 ours": float(np.percentile(ours, 90)),
            "p90 peer": float(np.percentile(peer, 90)),
        }
        name = "one sentence at a time, languages alternating"
        medians = [statistics.median(ours)], [statistics.median(peer)]
        return Row(name, "s", *medians, "SentenceTransformer of one language", 1.5, more_is_better=False, facts=facts)
