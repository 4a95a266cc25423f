"""Cost against size: whether it stays flat, or grows no faster than the work."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pycountry

from adapters_hub import ModularEncoder
from speed.inputs import BASE, TARGET, Text, assemble, make_modules, write_rows
from speed.measure import seconds
from speed.report import Curve
from speed.training import train

_SMALL = 8_000
"""Tokens of a small vocabulary."""
_STEPS = 3
_Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Sizes:
    """The sizes at which costs are measured.

    Attributes:
        languages: numbers of languages loaded at once.
        sentences: number of sentences encoded at each number of languages.
        batches: pairs per step of sentence encoding, with GradCache.
        whole_batches: pairs per step with the activations of the whole batch in memory.
        vocabularies: sizes of the language's vocabulary in tokens, for language adaptation.
        lines: lines of text for a module.
        repeats: repetitions of encoding; a training step is the median of three.
    """

    languages: tuple[int, ...] = (1, 8, 23, 100)
    sentences: int = 1000
    batches: tuple[int, ...] = (32, 128, 512, 1024)
    whole_batches: tuple[int, ...] = (32, 128, 256)
    vocabularies: tuple[int, ...] = (8_000, 16_000, 32_000, 64_000, 128_000)
    lines: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    repeats: int = 5


QUICK = Sizes(
    languages=(1, 8, 23),
    sentences=300,
    batches=(32, 128),
    whole_batches=(32, 128),
    vocabularies=(8_000, 32_000),
    lines=(10_000, 50_000),
    repeats=3,
)


def curves(text: Text, work: Path, sizes: Sizes) -> Iterator[list[Curve]]:
    """Yield the curves of one subject after the other, so that each can be written as soon as it is measured."""
    yield [_loaded_languages(text, work, sizes)]
    yield _batches(text, work, sizes)
    yield [_vocabularies(text, work, sizes)]
    yield _corpora(text, work, sizes)


def _measured(sizes: Sequence[int], measure: Callable[[int], tuple[float, ...]]) -> list[_Points]:
    """Measure one or more costs at every size; return the points of one line per cost."""
    costs = [measure(size) for size in sizes]
    return [list(zip(sizes, line, strict=True)) for line in zip(*costs, strict=True)]


def _loaded_languages(text: Text, work: Path, sizes: Sizes) -> Curve:
    own = sorted(text.languages(min(23, max(sizes.languages))), key=lambda code: code != TARGET)
    modules = make_modules(text, own, _SMALL, work)
    modules += _under_other_names(modules, max(sizes.languages) - len(modules))
    sentences = text.mono(TARGET, sizes.sentences)
    encoder = ModularEncoder(BASE)

    def milliseconds(texts: list[str], languages: str | list[str]) -> float:
        times = [seconds(lambda: encoder.encode(texts, languages)) for _ in range(sizes.repeats)]
        return 1000 * statistics.median(times) / len(texts)

    def costs(count: int) -> tuple[float, float]:
        for path in modules[len(encoder.languages) : count]:
            encoder.add_module(path)
        share = max(sizes.sentences // count, 1)
        # Languages without text of their own get German text.
        mixed = [(one, code) for code in encoder.languages for one in text.mono(code if code in own else TARGET, share)]
        random.Random(0).shuffle(mixed)
        texts, codes = [one for one, _ in mixed], [code for _, code in mixed]
        encoder.encode(texts, codes)
        return milliseconds(sentences, TARGET), milliseconds(texts, codes)

    alone, together = _measured(sizes.languages, costs)
    lines = {"one of them": alone, "mixed over all of them": together}
    return Curve("Encoding with many languages loaded", "languages loaded", "ms a sentence", lines, grows=False)


def _under_other_names(modules: Sequence[Path], count: int) -> list[Path]:
    """Copy modules beside themselves, each under the code of a language that has no module."""
    taken = {path.name for path in modules}
    codes = [language.alpha_3 for language in pycountry.languages if language.alpha_3 not in taken]
    sources = [modules[place % len(modules)] for place in range(count)]
    return [assemble(source, source, source.with_name(code)) for source, code in zip(sources, codes, strict=False)]


def _batches(text: Text, work: Path, sizes: Sizes) -> list[Curve]:
    (start,) = make_modules(text, [TARGET], _SMALL, work)

    def costs(pairs: int, cached: bool) -> tuple[float, float]:
        data = write_rows(work / "pairs.tsv", text.paraphrases(TARGET, pairs * 4))
        section = {"data": {"path": str(data)}, "max_length": 64, "gradient_cache": cached}
        facts, peak = train("se", section, _STEPS, pairs, work, phases=["se"], start_from=str(start))
        return facts["seconds_per_step"], peak / 1e6

    cached = _measured(sizes.batches, lambda pairs: costs(pairs, cached=True))
    whole = _measured(sizes.whole_batches, lambda pairs: costs(pairs, cached=False))
    seconds_taken, peaks = (
        {"pass by pass (GradCache)": first, "whole batch": second} for first, second in zip(cached, whole, strict=True)
    )
    title = "A step of sentence encoding"
    return [
        Curve(title, "pairs of a batch", "s a step", seconds_taken, grows=True),
        Curve(f"{title}: memory", "pairs of a batch", "MB, peak of the process", peaks, grows=True),
    ]


def _vocabularies(text: Text, work: Path, sizes: Sizes) -> Curve:
    data = write_rows(work / "mono.txt", ([one] for one in text.mono(TARGET, 600)))

    def tokens_per_second(size: int) -> tuple[float]:
        (start,) = make_modules(text, [TARGET], size, work)
        section = {"data": {"path": str(data)}, "max_length": 256}
        facts, _ = train("la", section, _STEPS, 100, work, phases=["la"], start_from=str(start))
        return (facts["tokens_per_second"],)

    (line,) = _measured(sizes.vocabularies, tokens_per_second)
    return Curve("Language adaptation", "tokens of the vocabulary", "tokens/s", {"a step": line}, grows=False)


def _corpora(text: Text, work: Path, sizes: Sizes) -> list[Curve]:
    """Measure making a module from a corpus: trimmed vocabulary, tokenization, three steps of language adaptation."""
    known = text.mono(TARGET, 20_000)

    def costs(lines: int) -> tuple[float, float]:
        # The number makes repeated lines distinct, so that they are not dropped.
        rows = ([f"{number} {known[number % len(known)]}"] for number in range(lines))
        data = {"path": str(write_rows(work / "corpus.txt", rows))}
        recipe = {"phases": ["vocabulary", "la"], "vocabulary": {"strategy": "trim", "size": _SMALL, "data": data}}
        begin = time.perf_counter()
        _, peak = train("la", {"data": data, "max_length": 256}, _STEPS, 32, work, **recipe)
        return time.perf_counter() - begin, peak / 1e6

    taken, peaks = _measured(sizes.lines, costs)
    title = "A module from a corpus (vocabulary, tokenizing, three steps)"
    return [
        Curve(f"{title}: memory", "lines", "MB, peak of the process", {"stage 1": peaks}, grows=False),
        Curve(title, "lines", "s", {"stage 1": taken}, grows=True),
    ]
