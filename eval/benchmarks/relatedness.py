"""Semantic textual relatedness within and across languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from eval.benchmarks.benchmark import Coded
from eval.benchmarks.data import Data, GradedPairs, Similarity
from eval.benchmarks.source import Source
from eval.errors import EvaluationError


class SemRel(Coded):
    """SemRel 2024, track A: relatedness within each of six languages; the pairs are not parallel."""

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

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language."""
        return [f"Semantic_Relatedness_SemEval2024/Track A/{language}/{language}_{split}_with_labels.csv"]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read each language on its own."""
        return Similarity({(code, code): self._one(code, split, source) for code in languages}, parallel=False)

    def _one(self, code: str, split: str, source: Source) -> GradedPairs:
        columns = ("sentence1", "sentence2", "label")
        if source.folder is None:
            return GradedPairs.of(self.rows(source, code, split, columns), columns, f"{self.hub_id} {code}")
        (name,) = self.files(code, split)
        rows = [
            dict(zip(columns, (*_split(row["Text"], name, number), row["Score"]), strict=True))
            for number, row in enumerate(source.table(name, self.obtain, ["Text", "Score"]), start=1)
        ]
        return GradedPairs.of(rows, columns, name)


def _split(text: str, where: str, number: int) -> tuple[str, str]:
    """Split a field into its two sentences, which are on two lines or, in some files, separated by a tab."""
    for mark in ("\n", "\t"):
        parts = [part.strip() for part in text.strip().split(mark) if part.strip()]
        if len(parts) == 2:
            return parts[0], parts[1]
    raise EvaluationError(f"{where}, row {number}: expected two sentences on two lines, found {text!r}")


_SICK_COLUMNS = ("sentence_A", "sentence_B", "relatedness_score")
# Maps a language to its file, relative to the data folder, and to how to get it.
_SICK_FILES = {
    "eng": (
        "SICK/SICK.txt",
        "put SICK.txt, from https://marcobaroni.org/composes/sick.html, into SICK in the data folder",
    ),
    "spa": ("SICK/SICK_es.txt", "put a Spanish translation with the columns of SICK.txt into SICK in the data folder"),
    "nld": (
        "sick_nl/data/tasks/sick_nl/SICK_NL.txt",
        "git clone https://github.com/gijswijnholds/sick_nl into the data folder",
    ),
    "pol": (
        "polish-sentence-evaluation/resources/downstream/SICK/SICK_{}.txt",
        "git clone https://github.com/sdadas/polish-sentence-evaluation into the data folder",
    ),
}


class SICK(Coded):
    """Sentences involving compositional knowledge, in four languages; parallel by pair number."""

    name = "sick"
    title = "SICK relatedness"
    task = "relatedness"
    license = "CC BY-NC-SA 3.0; Dutch: MIT"
    citation = (
        "Marelli et al. 2014, A SICK cure for the evaluation of compositional distributional semantic models, LREC; "
        "nl: Wijnholds and Moortgat 2021, EACL; pl: Dadas et al. 2020, LREC; es: Huertas-Tato et al. 2021"
    )
    url = "https://marcobaroni.org/composes/sick.html"
    hub_id = "maximedb/sick_nl"
    codes: ClassVar = {code: code for code in _SICK_FILES}
    not_on_hub = frozenset({"spa"})  # the Hub's Spanish data lacks pair numbers
    _sets: ClassVar = {"dev": "TRIAL", "test": "TEST"}

    @property
    def obtain(self) -> str:
        """How to get all languages, from four places."""
        return self.obtain_for(list(self.codes))

    def obtain_for(self, languages: Sequence[str]) -> str:
        """How to get some languages; each comes from its own place."""
        return "; ".join(f"{code}: {_SICK_FILES[code][1]}" for code in languages)

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language; for Polish, one per split."""
        return [_SICK_FILES[language][0].format({"dev": "trial", "test": "test_annotated"}[split])]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages, restricted to the pair numbers that all have."""
        read = self._hub if source.folder is None else self._clone
        rows = {code: {str(row["pair_ID"]): row for row in read(code, split, source)} for code in languages}
        common = set.intersection(*(set(found) for found in rows.values()))
        numbers = [number for number in rows[languages[0]] if number in common]
        if not numbers:
            raise EvaluationError(f"{', '.join(languages)} have no pair_ID of the {split} set in common")
        return Similarity.crossed(
            {
                code: GradedPairs.of([found[number] for number in numbers], _SICK_COLUMNS, f"SICK {code}")
                for code, found in rows.items()
            }
        )

    def _clone(self, language: str, split: str, source: Source) -> list[dict[str, str]]:
        """Read a language from a clone; Polish has one file per split, the others a column for the split."""
        (name,), obtain = self.files(language, split), _SICK_FILES[language][1]
        columns = ["pair_ID", *_SICK_COLUMNS]
        if language == "pol":
            return source.table(name, obtain, columns, delimiter="\t", quoted=False)
        rows = source.table(name, obtain, [*columns, "SemEval_set"], delimiter="\t", quoted=False)
        return [row for row in rows if row["SemEval_set"].strip() == self._sets[split]]

    def _hub(self, language: str, split: str, source: Source) -> list[dict[str, Any]]:
        """Read a language from the Hub: Dutch and its English originals from one dataset, Polish from another."""
        dataset = "sdadas/sick_pl" if language == "pol" else str(self.hub_id)
        sides = [f"sentence_{side}{'_original' if language == 'eng' else ''}" for side in "AB"]
        part = {"dev": "validation"}.get(split, split)
        rows = source.rows(dataset, None, None, part, ["pair_ID", *sides, "relatedness_score"])
        return [{**row, "sentence_A": row[sides[0]], "sentence_B": row[sides[1]]} for row in rows]
