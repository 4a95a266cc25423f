"""Semantic textual relatedness within and across languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from eval.benchmarks.benchmark import Coded
from eval.benchmarks.data import Data, GradedPairs, Similarity
from eval.benchmarks.source import Source, grades
from eval.errors import EvaluationError


class SemRel(Coded):
    """SemRel 2024, track A: relatedness within each of six languages; not parallel."""

    name = "semrel"
    title = "SemRel 2024, track A"
    task = "relatedness"
    license = "research use, see the repository"
    citation = (
        "Ousidhoum et al. 2024, SemRel2024: A Collection of Semantic Textual Relatedness Datasets for 13 Languages"
    )
    url = "https://github.com/semantic-textual-relatedness/Semantic_Relatedness_SemEval2024"
    hub_id = "SemRel/SemRel2024"
    codes: ClassVar = {code: code for code in ("eng", "amh", "hau", "kin", "mar", "tel")}

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Each language on its own."""
        self.require(languages)
        return Similarity({(code, code): self._one(code, split, source) for code in languages}, parallel=False)

    def _one(self, code: str, split: str, source: Source) -> GradedPairs:
        if source.folder is None:
            rows = source.hub(str(self.hub_id), self.revision, code, split, ["sentence1", "sentence2", "label"])
            gold = np.array(list(grades(rows, "label", f"{self.hub_id} {code}")))
            return GradedPairs(list(rows["sentence1"]), list(rows["sentence2"]), gold)
        name = f"Semantic_Relatedness_SemEval2024/Track A/{code}/{code}_{split}_with_labels.csv"
        rows = source.table(name, self.obtain, ["Text", "Score"])
        pairs = [_split(row["Text"], name, number) for number, row in enumerate(rows)]
        gold = np.array(list(grades(rows, "Score", name)))
        return GradedPairs([first for first, _ in pairs], [second for _, second in pairs], gold)


def _split(text: str, where: str, number: int) -> tuple[str, str]:
    """Two sentences in one field, on two lines or, in some files, between a tab."""
    for mark in ("\n", "\t"):
        parts = [part.strip() for part in text.strip().split(mark) if part.strip()]
        if len(parts) == 2:
            return parts[0], parts[1]
    raise EvaluationError(f"{where}, row {number + 1}: expected two sentences on two lines, found {text!r}")


class SICK(Coded):
    """Sentences involving compositional knowledge, in four languages; parallel by pair number."""

    name = "sick"
    title = "SICK relatedness"
    task = "relatedness"
    license = "CC BY-NC-SA 3.0"
    citation = (
        "Marelli et al. 2014, A SICK cure for the evaluation of compositional distributional semantic models; "
        "nl: Wijnholds and Moortgat 2021; es: Huertas-Tato et al. 2021; pl: Wróblewska and Krasnowska-Kieraś 2017"
    )
    url = "https://marcobaroni.org/composes/sick.html"
    codes: ClassVar = {"eng": "en", "spa": "es", "nld": "nl", "pol": "pl"}
    _sets: ClassVar = {"dev": "TRIAL", "test": "TEST"}

    @property
    def obtain(self) -> str:
        """The files that are expected."""
        return (
            "put SICK_en.txt, SICK_es.txt, SICK_nl.txt, SICK_pl.txt into SICK in the data folder, tab-separated with "
            f"the columns of {self.url}: pair_ID, sentence_A, sentence_B, relatedness_score, SemEval_set"
        )

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """All pairs of languages, over the pair numbers that all have."""
        self.require(languages)
        if source.folder is None:
            raise EvaluationError(f"sick is on the Hub without pair numbers, so not in parallel: {self.obtain}")
        names = ["pair_ID", "sentence_A", "sentence_B", "relatedness_score", "SemEval_set"]
        rows: dict[str, dict[str, dict[str, str]]] = {}
        for code in languages:
            table = source.table(f"SICK/SICK_{self.codes[code]}.txt", self.obtain, names, delimiter="\t")
            rows[code] = {row["pair_ID"]: row for row in table if row["SemEval_set"].strip() == self._sets[split]}
        common = set.intersection(*(set(found) for found in rows.values()))
        numbers = [number for number in rows[languages[0]] if number in common]
        if not numbers:
            raise EvaluationError(f"sick: {', '.join(languages)} have no pair_ID of the {split} set in common")
        pairs = {}
        for code, found in rows.items():
            mine = [found[number] for number in numbers]
            gold = np.array(list(grades(mine, "relatedness_score", f"SICK_{self.codes[code]}.txt")))
            pairs[code] = GradedPairs([row["sentence_A"] for row in mine], [row["sentence_B"] for row in mine], gold)
        return Similarity.crossed(pairs)
