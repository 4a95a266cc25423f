"""Benchmarks: each is a small class that describes a benchmark and reads its data from the Hub or a clone."""

from __future__ import annotations

from collections.abc import Sequence

from eval.benchmarks.benchmark import Benchmark
from eval.benchmarks.choice import Belebele
from eval.benchmarks.classification import SIB200
from eval.benchmarks.mining import FLORES, Tatoeba
from eval.benchmarks.relatedness import SICK, SemRel
from eval.benchmarks.sample import SampleBitext, SamplePairs
from eval.benchmarks.similarity import STS17, STS22, STSB, KardesSTS, KardesSTSArabic, KorSTS
from eval.benchmarks.source import Source, data_folder, origin
from eval.errors import EvaluationError

__all__ = ["BENCHMARKS", "GROUPS", "Benchmark", "Source", "data_folder", "find_benchmarks", "origin"]

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        SamplePairs(), SampleBitext(), STSB(), KardesSTS(), KardesSTSArabic(), KorSTS(), STS17(), STS22(), SICK(),
        SemRel(), SIB200(), FLORES(), Tatoeba(), Belebele(),
    )
}  # fmt: skip

GROUPS = {
    "sample": ("sample-pairs", "sample-bitext"),
    "paper": ("stsb", "kardes", "sick", "semrel", "sib200", "flores", "tatoeba"),
    "dev": ("stsb", "kardes", "semrel", "sib200", "tatoeba"),
}
"""Groups of benchmarks: the sample data, the paper's table, and those with public development data."""


def find_benchmarks(names: Sequence[str]) -> list[Benchmark]:
    """Find benchmarks by name or group.

    Raises:
        EvaluationError: a name is unknown; the message lists the known ones.
    """
    found: dict[str, Benchmark] = {}
    for name in names:
        for member in GROUPS.get(name, (name,)):
            if member not in BENCHMARKS:
                known = ", ".join((*GROUPS, *BENCHMARKS))
                raise EvaluationError(f"there is no benchmark {member!r}; there are {known}")
            found[member] = BENCHMARKS[member]
    return list(found.values())
