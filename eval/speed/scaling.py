"""Cost against size: whether it stays flat, or grows no faster than the work."""

from __future__ import annotations

import dataclasses
import json
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pycountry

from adapters_hub import LanguageModule, ModularEncoder
from adapters_hub.modules import save_language_module
from eval.speed.curves import Curve
from eval.speed.measure import device, seconds
from eval.speed.modules import ALPHA, BASE, RANK, make_modules, run_stage, training_values
from eval.speed.text import Text, write_lines

_LANGUAGE = "deu"
_SMALL = 8_000


@dataclasses.dataclass(frozen=True)
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


def _loaded_languages(text: Text, work: Path, sizes: Sizes) -> Curve:
    folder = work / "modules-8k"
    folder.mkdir(parents=True, exist_ok=True)
    modules = make_modules(text, text.languages(min(23, max(sizes.languages))), _SMALL, folder)
    modules += _under_other_names(modules, max(sizes.languages) - len(modules), folder)
    sentences = text.mono(_LANGUAGE, sizes.sentences)
    lines: dict[str, list[tuple[float, float]]] = {"one of them": [], "mixed over all of them": []}
    first = next(path for path in modules if path.name == _LANGUAGE)
    others = [path for path in modules if path != first]
    encoder = ModularEncoder(BASE, [first], device=device())
    for count in sizes.languages:
        for path in others[len(encoder.languages) - 1 : count - 1]:
            encoder.add_module(path)
        mixed = [(sentence, code) for code in encoder.languages for sentence in _few(text, code, sizes, count)]
        random.Random(0).shuffle(mixed)
        texts, codes = [sentence for sentence, _ in mixed], [code for _, code in mixed]
        encoder.encode(texts, codes)
        alone = [seconds(lambda: encoder.encode(sentences, _LANGUAGE)) for _ in range(sizes.repeats)]
        together = [
            seconds(lambda texts=texts, codes=codes: encoder.encode(texts, codes))  # type: ignore[misc]
            for _ in range(sizes.repeats)
        ]
        lines["one of them"].append((count, 1000 * statistics.median(alone) / len(sentences)))
        lines["mixed over all of them"].append((count, 1000 * statistics.median(together) / len(texts)))
    return Curve("Encoding with many languages loaded", "languages loaded", "ms a sentence", lines, grows=False)


def _few(text: Text, code: str, sizes: Sizes, count: int) -> list[str]:
    """The sentences of one language; German ones for languages without text of their own."""
    share = max(sizes.sentences // count, 1)
    return text.mono(code if code in text.languages(23) else _LANGUAGE, share)


def _under_other_names(modules: Sequence[Path], count: int, folder: Path) -> list[Path]:
    """Copy modules into `folder`, each under the code of a language that has no module."""
    taken = {path.name for path in modules}
    codes = (language.alpha_3 for language in pycountry.languages if language.alpha_3 not in taken)
    made = []
    for place, code in zip(range(count), codes, strict=False):
        source = modules[place % len(modules)]
        manifest = dataclasses.replace(LanguageModule.load(source).manifest, language=code, files={}, fingerprint="")
        parts = {"vocabulary": source} | {
            name: source / name for name in ("language_adapter", "sentence_adapter") if (source / name).is_dir()
        }
        made.append(save_language_module(folder / code, manifest, parts).folder)
    return made


def _batches(text: Text, work: Path, sizes: Sizes) -> list[Curve]:
    start = _module(text, work, _SMALL)
    time: dict[str, list[tuple[float, float]]] = {}
    memory: dict[str, list[tuple[float, float]]] = {}
    for name, cached, counts in (
        ("pass by pass (GradCache)", True, sizes.batches),
        ("whole batch", False, sizes.whole_batches),
    ):
        time[name], memory[name] = [], []
        for count in counts:
            pairs = text.paraphrases(_LANGUAGE, count * 4)
            data = write_lines(work / "pairs.tsv", ["\t".join(pair) for pair in pairs])
            section = {"data": {"path": str(data)}, "max_length": 64, "gradient_cache": cached, **_step(count)}
            facts, peak = _train(start, {"phases": ["se"], "se": section}, work)
            time[name].append((count, facts["seconds_per_step"]))
            memory[name].append((count, peak / 1e6))
    title = "A step of sentence encoding"
    return [
        Curve(title, "pairs of a batch", "s a step", time, grows=True),
        Curve(f"{title}: memory", "pairs of a batch", "MB, peak of the process", memory, grows=True),
    ]


def _vocabularies(text: Text, work: Path, sizes: Sizes) -> Curve:
    data = write_lines(work / "mono.txt", text.mono(_LANGUAGE, 600))
    line: list[tuple[float, float]] = []
    for size in sizes.vocabularies:
        start = _module(text, work, size)
        section = {"data": {"path": str(data)}, "max_length": 256, **_step(100)}
        facts, _ = _train(start, {"phases": ["la"], "la": section}, work)
        line.append((size, facts["tokens_per_second"]))
    return Curve("Language adaptation", "tokens of the vocabulary", "tokens/s", {"a step": line}, grows=False)


def _corpora(text: Text, work: Path, sizes: Sizes) -> list[Curve]:
    """Measure making a module from a corpus: trimmed vocabulary, tokenization, three steps of language adaptation."""
    memory: list[tuple[float, float]] = []
    time: list[tuple[float, float]] = []
    known = text.mono(_LANGUAGE, 20_000)
    for count in sizes.lines:
        data = work / "corpus.txt"
        with data.open(
            "w", encoding="utf-8"
        ) as file:  # the number makes repeated lines distinct, so that they are not dropped
            file.writelines(f"{number} {known[number % len(known)]}\n" for number in range(count))
        section = {"data": {"path": str(data)}, "max_length": 256, **_step(32)}
        recipe = {
            "phases": ["vocabulary", "la"],
            "vocabulary": {"strategy": "trim", "size": _SMALL, "data": {"path": str(data)}},
            "la": section,
        }
        peaks: list[float] = []
        taken = seconds(lambda recipe=recipe, peaks=peaks: peaks.append(_train(None, recipe, work)[1]))  # type: ignore[misc]
        memory.append((count, peaks[0] / 1e6))
        time.append((count, taken))
        data.unlink()
    title = "A module from a corpus (vocabulary, tokenizing, three steps)"
    return [
        Curve(f"{title}: memory", "lines", "MB, peak of the process", {"stage 1": memory}, grows=False),
        Curve(title, "lines", "s", {"stage 1": time}, grows=True),
    ]


def _module(text: Text, work: Path, size: int) -> Path:
    folder = work / f"modules-{size // 1000}k"
    folder.mkdir(parents=True, exist_ok=True)
    return make_modules(text, [_LANGUAGE], size, folder)[0]


def _step(batch: int) -> dict[str, Any]:
    return {"lora": {"rank": RANK, "alpha": ALPHA}, "training": training_values(3, batch)}


def _train(start: Path | None, recipe: dict[str, Any], work: Path) -> tuple[dict[str, float], float]:
    """Run stage 1; return the facts of its last phase from the manifest, and its peak memory in bytes."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        out = Path(folder) / "out"
        known = {"languages": [_LANGUAGE], "base": BASE, "max_length": 128, "output_dir": str(out)}
        peak = run_stage("stage1.py", known | ({"start_from": str(start)} if start else {}) | recipe, Path(folder))
        manifest = json.loads((out / _LANGUAGE / "module.json").read_text(encoding="utf-8"))
    return manifest["training"]["phases"][recipe["phases"][-1]], peak
