"""Topic classification within a language and by transfer from English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from eval.benchmarks.benchmark import Benchmark
from eval.benchmarks.data import Classification, Data, Labelled
from eval.benchmarks.source import Source
from eval.languages import PAPER, find_language, usual_script

_SCRIPTS = {"kor": "Hang"}
"""Scripts that FLORES names differently from CLDR."""


class SIB200(Benchmark):
    """Topics of FLORES-200 sentences, one of seven: classifiers train on `train` and are tested on `dev` or `test`."""

    name = "sib200"
    title = "SIB-200"
    task = "classification"
    license = "CC BY-SA 4.0"
    citation = (
        "Adelani et al. 2024, SIB-200: A Simple, Inclusive, and Big Evaluation Dataset for Topic Classification, EACL"
    )
    url = "https://github.com/dadelani/sib-200"
    hub_id = "mteb/sib200"
    revision = "a74d7350ea12af010cfb1c21e34f1f81fd2e615b"
    hub_splits: ClassVar = {"dev": "validation"}

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file to test on and one to train on."""
        return [f"sib-200/data/annotated/{language}/{part}.tsv" for part in (split, "train")]

    def listed(self, source: Source, split: str) -> Sequence[str]:
        """All languages in the clone; on the Hub, the paper's languages."""
        return languages_of_flores(source, self.files("*", split)[0])

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read train and test texts by language."""
        return Classification({code: self._one(code, split, source) for code in languages})

    def _one(self, language: str, split: str, source: Source) -> Labelled:
        train, test = (self._part(language, part, source) for part in ("train", split))
        return Labelled(*train, *test)

    def _part(self, language: str, split: str, source: Source) -> tuple[list[str], list[str]]:
        columns = ["category", "text"]
        if source.folder is None:
            rows = self.rows(source, language, split, columns)
        else:
            rows = source.table(self.files(language, split)[0], self.obtain, columns, delimiter="\t")
        return [row["text"] for row in rows], [row["category"] for row in rows]


def languages_of_flores(source: Source, pattern: str) -> list[str]:
    """The languages (`lan_Scri`) that match the star of a pattern in a clone; on the Hub, the paper's languages."""
    if source.folder is None:
        return [f"{code}_{_SCRIPTS.get(code) or usual_script(code)}" for code in PAPER]
    available = [name for name in source.matches(pattern) if "_" in name]
    # If a language has several scripts, the usual one comes first, so that the bare code stands for it.
    usual = {find_language(code.partition("_")[0], available) for code in available}
    return sorted(available, key=lambda code: code not in usual)
