"""Encoding: one language, many mixed, one sentence at a time, and how much of the machine that uses."""

from __future__ import annotations

import random
import statistics
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from adapters_hub import ModularEncoder, load_base
from adapters_hub.bridges import export_merged
from eval.speed.measure import Row, device, interleaved, matrix_rate, precision, seconds
from eval.speed.modules import BASE, make_adapter, make_modules
from eval.speed.text import Text
from eval.speed.training import flops_of_a_token

_SIZE = 16_000


class Encoding:
    """An encoder with eight languages and an alignment, and a SentenceTransformer of one of them.

    Args:
        text: to encode.
        work: folder for modules.
        sentences: to encode at a time.
        repeats: measurements of each side.
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
        """All jobs of encoding."""
        return [*self._one_language(), self._mixed(), self._latency()]

    def _one_language(self) -> list[Row]:
        texts = self.text.mono("deu", self.sentences)
        self.encoder.encode(texts[:64], "deu", align={"deu": "both"})
        self.peer.encode(texts[:64])
        count = len(texts)
        aligned, stock = interleaved(
            lambda: count / seconds(lambda: self.encoder.encode(texts, "deu", align={"deu": "both"})),
            lambda: count / seconds(lambda: self.peer.encode(texts, batch_size=32)),
            self.repeats,
        )
        tokenizer = self.peer.tokenizer
        distinct = sorted(set(texts))
        ids = tokenizer([self.encoder.base.prompt + text for text in distinct], truncation=True, max_length=128)
        tokens = sum(map(len, ids["input_ids"]))
        plain = [tokens / seconds(lambda: self.encoder.encode(texts, "deu")) for _ in range(self.repeats)]
        config = load_base(BASE).backbone.config
        rate = matrix_rate(config.hidden_size, config.intermediate_size)
        facts = {"tokens of a sentence": round(tokens / len(distinct), 1)}
        return [
            Row(
                f"encode {count:,} sentences, aligned", "sentences/s", aligned, stock,
                "SentenceTransformer.encode, no alignment", 1.3, facts=facts,
            ),
            Row(
                "encode, matrix rate", "FLOP/s", [flops_of_a_token() * value for value in plain], [rate],
                "the machine's limit", 0.7, facts={"tokens/s": plain},
            ),
        ]  # fmt: skip

    def _mixed(self) -> Row:
        share = self.sentences // len(self.languages)
        pairs = [(text, code) for code in self.languages for text in self.text.mono(code, share)]
        random.Random(0).shuffle(pairs)
        texts, codes = [text for text, _ in pairs], [code for _, code in pairs]
        # The same sentences language by language: eight calls of one language each.
        groups = {code: [text for text, other in pairs if other == code] for code in self.languages}

        def apart() -> None:
            for code, group in groups.items():
                self.encoder.encode(group, code)

        count = len(texts)
        mixed, alone = interleaved(
            lambda: count / seconds(lambda: self.encoder.encode(texts, codes)),
            lambda: count / seconds(apart),
            self.repeats,
        )
        name = f"encode the same number mixed over {len(self.languages)} languages"
        return Row(name, "sentences/s", mixed, alone, "ours, one language at a time", 0.9)

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
