"""Benchmarks: each is a small class that describes a benchmark and reads its data from the Hub or a clone."""

from __future__ import annotations

from collections.abc import Sequence

from eval.benchmarks.beir import MIRACL, parse_folder
from eval.benchmarks.benchmark import Benchmark
from eval.benchmarks.choice import Belebele
from eval.benchmarks.classification import SIB200
from eval.benchmarks.mining import FLORES, Tatoeba
from eval.benchmarks.relatedness import SICK, SemRel
from eval.benchmarks.retrieval import AfriQA, BelebelePassages, KazQAD, XQuAD
from eval.benchmarks.sample import SampleBitext, SamplePairs, SampleSearch
from eval.benchmarks.similarity import STS17, STS22, STSB, KardesSTS, KardesSTSArabic, KorSTS
from eval.benchmarks.source import Source, data_folder, origin
from eval.benchmarks.typing import KardesCyrillic, KardesLatin, KardesLookalikes, KardesUnmarked, SemRelUnmarked
from eval.errors import EvaluationError

__all__ = ["BENCHMARKS", "GROUPS", "Benchmark", "Source", "data_folder", "find_benchmarks", "origin"]

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        SamplePairs(), SampleBitext(), SampleSearch(), STSB(), KardesSTS(), KardesSTSArabic(), KorSTS(), STS17(),
        STS22(), SICK(), SemRel(), SIB200(), FLORES(), Tatoeba(), Belebele(), XQuAD(), KazQAD(), AfriQA(),
        MIRACL(), BelebelePassages(),
        KardesLatin(), KardesUnmarked(), KardesCyrillic(), KardesLookalikes(), SemRelUnmarked(),
    )
}  # fmt: skip

GROUPS = {
    "sample": ("sample-pairs", "sample-bitext", "sample-search"),
    "paper": ("stsb", "kardes", "sick", "semrel", "sib200", "flores", "tatoeba"),
    "dev": ("stsb", "kardes", "semrel", "sib200", "tatoeba"),
    "typing": ("kardes-latin", "kardes-ascii", "kardes-cyrillic", "kardes-lookalikes", "semrel-ascii"),
    "search": ("xquad", "kazqad", "afriqa"),
}
"""Groups of benchmarks: the sample data, the paper's table, those with public development data, text as
people type it, and retrieval."""


def find_benchmarks(names: Sequence[str]) -> list[Benchmark]:
    """Find benchmarks by name or group; `LANGUAGE=FOLDER` is the data in a folder in BEIR's form.

    Raises:
        EvaluationError: a name is unknown; the message lists the known ones.
    """
    found: dict[str, Benchmark] = {}
    for name in names:
        if folder := parse_folder(name):
            found[folder.name] = folder
            continue
        for member in GROUPS.get(name, (name,)):
            if member not in BENCHMARKS:
                known = ", ".join((*GROUPS, *BENCHMARKS))
                raise EvaluationError(
                    f"there is no benchmark {member!r}; there are {known}, and LANGUAGE=FOLDER in BEIR's form"
                )
            found[member] = BENCHMARKS[member]
    return list(found.values())
