"""What each stage bought, on the sample data: `python -m eval.sample out/quickstart`.

Graded pairs and meanings of the test split, that nothing was trained or tuned on: for the base, the modules without
alignment, and the modules aligned. Writes `report.json`; when the modules are published, their cards take its scores.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import sha256, write_text
from adapters_hub.format import Score, read_manifest
from adapters_hub.format.scores import Encoder
from adapters_hub.hub import fetch_module
from eval.metrics import language_bias, pair_similarities, retrieval_accuracy, spearman

if TYPE_CHECKING:
    from adapters_hub import ModularEncoder

SAMPLE_DATA = Path(__file__).parent.parent / "sample_data"

Encode = Callable[[Sequence[str], str], np.ndarray]
"""Sentences and their language to vectors `[n, dim]`."""


@dataclass
class Scores:
    """Of one encoder. All figures but the bias are percentages; higher is better, for the bias lower.

    Attributes:
        monolingual: language to Spearman on the graded pairs.
        cross_lingual: `deu-tur` to Spearman on the graded pairs, first sentence in one language and second in the
            other, both ways averaged.
        retrieval: `deu-tur` to accuracy of finding the translation among all test sentences, both ways averaged.
        language_bias: see `eval.metrics.language_bias`.
    """

    monolingual: dict[str, float]
    cross_lingual: dict[str, float]
    retrieval: dict[str, float]
    language_bias: float


def read_graded(split: str, languages: Sequence[str]) -> tuple[dict[str, tuple[list[str], list[str]]], np.ndarray]:
    """The graded pairs: language to (first sentences, second sentences), and the grades `[n]`, 0 to 5."""
    rows = _read(SAMPLE_DATA / "graded" / f"{split}.tsv", [f"{code}_{side}" for code in languages for side in "12"])
    pairs = {code: ([row[f"{code}_1"] for row in rows], [row[f"{code}_2"] for row in rows]) for code in languages}
    return pairs, np.array([float(row["score"]) for row in rows])


def read_meanings(split: str, languages: Sequence[str]) -> dict[str, list[str]]:
    """Language to its sentences; the same place means the same in every language."""
    rows = _read(SAMPLE_DATA / "meanings" / f"{split}.tsv", languages)
    return {code: [row[code] for row in rows] for code in languages}


def evaluate(encode: Encode, align: Encode, languages: Sequence[str], split: str) -> Scores:
    """Score one encoder.

    Args:
        encode: for comparisons within a language.
        align: for comparisons across languages.
        languages: ISO 639-3.
        split: `dev` or `test`.
    """
    pairs, gold = read_graded(split, languages)
    meanings = read_meanings(split, languages)
    alone = {code: [encode(side, code) for side in pairs[code]] for code in languages}
    together = {code: [align(side, code) for side in pairs[code]] for code in languages}
    places = {code: align(meanings[code], code) for code in languages}

    bilingual = {
        (a, b): pair_similarities(together[a][0], together[b][1]) for a, b in itertools.permutations(languages, 2)
    }
    by_pair = list(itertools.combinations(languages, 2))
    return Scores(
        monolingual={code: spearman(pair_similarities(*alone[code]), gold) for code in languages},
        cross_lingual={
            f"{a}-{b}": (spearman(bilingual[a, b], gold) + spearman(bilingual[b, a], gold)) / 2 for a, b in by_pair
        },
        retrieval={
            f"{a}-{b}": (retrieval_accuracy(places[a], places[b]) + retrieval_accuracy(places[b], places[a])) / 2
            for a, b in by_pair
        },
        language_bias=language_bias(bilingual, gold),
    )


def records(scores: dict[str, Scores], encoder: ModularEncoder, split: str, languages: Sequence[str]) -> list[Score]:
    """The figures one by one, each with the modules it was made with, as cards take them."""
    pairs = len(read_graded(split, languages)[1])
    meanings = len(read_meanings(split, languages)[languages[0]])
    kinds: dict[str, Encoder] = {"base": "base", "modules": "modules", "modules, aligned": "aligned"}
    found = []
    for name, values in scores.items():
        for part, benchmark, task, metric, size in (
            ("monolingual", "graded pairs", "sentence-similarity", "spearman", pairs),
            ("cross_lingual", "graded pairs", "sentence-similarity", "spearman", pairs),
            ("retrieval", "translations found", "translation-retrieval", "accuracy", meanings),
        ):
            if kinds[name] == "aligned" and part == "monolingual":
                continue  # the same as without alignment, which is off within a language
            for key, value in getattr(values, part).items():
                codes = tuple(key.split("-"))
                used = [
                    fingerprint
                    for code in codes
                    if kinds[name] != "base"
                    for fingerprint in encoder.fingerprints(code, align=kinds[name] == "aligned")
                ]
                found.append(
                    Score(
                        task=task,
                        benchmark=f"sample data, {benchmark}",
                        dataset=f"modular-sentence-encoders/sample_data/{benchmark.partition(' ')[0]}",
                        split=split,
                        languages=codes,
                        metric=metric,
                        value=value,
                        encoder=kinds[name],
                        modules=tuple(used),
                        size=size,
                    )
                )
    return found


def find_modules(folder: Path, languages: Sequence[str]) -> list[Path]:
    """Language modules and alignment adapters of some languages in a folder.

    Raises:
        AdaptersHubError: a language has no module.
    """
    found = sorted(path.parent for path in folder.glob("*/module.json") if not path.parent.name.startswith("."))
    wanted = [path for path in found if path.name.partition("-")[0] in languages]
    if missing := [code for code in languages if folder / code not in wanted]:
        raise AdaptersHubError(f"{folder} has no module of {missing[0]!r}: train it first (make quickstart)")
    return wanted


def identity(modules: Sequence[Path], split: str) -> dict[str, dict[str, str]]:
    """What the figures depend on: the fingerprints of the modules and the content of the data."""
    files = [SAMPLE_DATA / kind / f"{split}.tsv" for kind in ("graded", "meanings")]
    return {
        "modules": {manifest.name: manifest.fingerprint for manifest in map(read_manifest, modules)},
        "data": {f"{path.parent.name}/{path.name}": sha256(path) for path in files},
    }


def compare(encoder: ModularEncoder, languages: Sequence[str], split: str) -> dict[str, Scores]:
    """Base, modules, and modules aligned."""

    @_remembered
    def base(sentences: Sequence[str], _language: str) -> np.ndarray:
        return encoder.encode(sentences, None)

    @_remembered
    def modules(sentences: Sequence[str], language: str) -> np.ndarray:
        return encoder.encode(sentences, language)

    @_remembered
    def aligned(sentences: Sequence[str], language: str) -> np.ndarray:
        return encoder.encode(sentences, language, align=True)

    scores = {"base": evaluate(base, base, languages, split), "modules": evaluate(modules, modules, languages, split)}
    if any(encoder.alignments.values()):
        scores["modules, aligned"] = evaluate(modules, aligned, languages, split)
    return scores


def table(scores: dict[str, Scores]) -> str:
    """The scores as text: a column for each encoder, a row for each figure."""
    names = list(scores)
    width = max(len(name) for name in names) + 2
    first = next(iter(scores.values()))
    lines = [f"{'':34}" + "".join(f"{name:>{width}}" for name in names)]

    def row(label: str, values: Sequence[float]) -> None:
        lines.append(f"{label:34}" + "".join(f"{value:{width}.1f}" for value in values))

    def block(title: str, part: str) -> None:
        lines.append(title)
        for key in getattr(first, part):
            row(f"  {key}", [getattr(scores[name], part)[key] for name in names])
        row("  mean", [float(np.mean(list(getattr(scores[name], part).values()))) for name in names])

    block("Graded similarity, Spearman", "monolingual")
    block("Across languages, Spearman", "cross_lingual")
    block("Translation found, % of sentences", "retrieval")
    row("Language bias (lower is better)", [scores[name].language_bias for name in names])
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m eval.sample", description=__doc__)
    parser.add_argument(
        "modules",
        nargs="+",
        help="a folder with modules and adapters in it, or the modules themselves: folders or org/name[@revision]",
    )
    parser.add_argument(
        "--languages",
        help="separated by commas (default: eng,deu,tur,rus of a folder with modules, else those of the modules)",
    )
    parser.add_argument("--split", choices=("dev", "test"), default="test", help="default: %(default)s")
    parser.add_argument(
        "--output", type=Path, help="where to write the figures (default: report.json in the folder, or here)"
    )
    parser.add_argument("--hub", help="folder that acts as the hub (default: $MSE_HUB, else the Hugging Face Hub)")
    arguments = parser.parse_args()
    try:
        _run(arguments)
    except AdaptersHubError as error:
        sys.exit(f"error: {error}")


def _run(arguments: argparse.Namespace) -> None:
    languages = [code.strip() for code in arguments.languages.split(",")] if arguments.languages else None
    place = Path(arguments.modules[0])
    if len(arguments.modules) == 1 and place.is_dir() and not (place / "module.json").is_file():
        languages = languages or ["eng", "deu", "tur", "rus"]
        modules = find_modules(place, languages)
    else:
        place = Path()
        modules = [fetch_module(source, arguments.hub).folder for source in arguments.modules]
        languages = languages or list(dict.fromkeys(read_manifest(module).language for module in modules))
    output = arguments.output or place / "report.json"
    head = {"split": arguments.split, "languages": languages, "evaluated": identity(modules, arguments.split)}
    scores = _read_report(output, head)
    if scores is None:
        from adapters_hub import ModularEncoder  # takes seconds, which a table that is there already need not wait for

        encoder = ModularEncoder(modules=modules)
        scores = compare(encoder, languages, arguments.split)
        report = head | {name: asdict(value) for name, value in scores.items()}
        report["scores"] = [score.to_record() for score in records(scores, encoder, arguments.split, languages)]
        write_text(output, json.dumps(report, indent=2) + "\n")
    sys.stdout.write(f"{table(scores)}\n\nFigures in {output}\n")


def _read_report(path: Path, head: dict[str, object]) -> dict[str, Scores] | None:
    """The scores of an earlier report, if it was made of the same modules and data."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if any(report.pop(key) != value for key, value in head.items()):
            return None
        del report["scores"]
        return {name: Scores(**values) for name, values in report.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remembered(encode: Encode) -> Encode:
    """The same function, which encodes the same sentences of a language only once."""
    known: dict[tuple[str, ...], np.ndarray] = {}

    def remembering(sentences: Sequence[str], language: str) -> np.ndarray:
        key = (language, *sentences)
        if key not in known:
            known[key] = encode(sentences, language)
        return known[key]

    return remembering


def _read(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if missing := [name for name in columns if name not in rows[0]]:
        raise AdaptersHubError(f"{path} has no column {missing[0]!r}; it has {', '.join(rows[0])}")
    return rows


if __name__ == "__main__":
    main()
