"""Bitext mining: finding translations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from eval.benchmarks.benchmark import Benchmark
from eval.benchmarks.classification import languages_of_flores
from eval.benchmarks.data import Bitext, Data
from eval.benchmarks.source import Source
from eval.errors import EvaluationError


class FLORES(Benchmark):
    """FLORES-200: the same thousand sentences in every language; splits `dev` and `devtest`."""

    name = "flores"
    title = "FLORES-200"
    task = "mining"
    license = "CC BY-SA 4.0"
    citation = "NLLB Team 2022, No Language Left Behind: Scaling Human-Centered Machine Translation"
    url = "https://github.com/facebookresearch/flores"
    hub_id = "mteb/FloresBitextMining"
    revision = "2144d16cc15edd22d4a9237d12bff5f31f5c07fc"
    hub_splits: ClassVar = {"test": "devtest"}

    @property
    def obtain(self) -> str:
        """How to get a copy: the repository links to the archive."""
        return f"unpack flores200_dataset, linked from {self.url}, into the data folder"

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language."""
        part = self.hub_splits.get(split, split)
        return [f"flores200_dataset/{part}/{language}.{part}"]

    def listed(self, source: Source, split: str) -> Sequence[str]:
        """All languages in the archive; on the Hub, the paper's languages."""
        return languages_of_flores(source, *self.files("*", split))

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages."""
        if source.folder is not None:
            found = {code: source.lines(self.files(code, split)[0], self.obtain) for code in languages}
        else:
            columns = [f"sentence_{code}" for code in languages]
            rows = self.rows(source, None, split, columns)
            found = {code: list(rows[column]) for code, column in zip(languages, columns, strict=True)}
        return Bitext.of_all(found)


class Tatoeba(Benchmark):
    """LASER's test set: short sentences in up to 112 languages with their English translations."""

    name = "tatoeba"
    title = "Tatoeba (LASER v1)"
    task = "mining"
    license = "CC BY 2.0 FR"
    citation = (
        "Artetxe and Schwenk 2019, Massively Multilingual Sentence Embeddings for Zero-Shot Cross-Lingual Transfer"
    )
    url = "https://github.com/facebookresearch/LASER"
    hub_id = "mteb/tatoeba-bitext-mining"
    revision = "69e8f12da6e31d59addadda9a9c8a2e601a0e282"
    splits = ("test",)
    undivided = True
    _folder = "LASER/data/tatoeba/v1"

    def files(self, language: str, split: str) -> Sequence[str]:
        """The two files of the language and English; for `eng`, a pattern for those of any language."""
        pair = f"{language}-eng" if language != "eng" else "*-eng"
        return [f"{self._folder}/tatoeba.{pair}.{side}" for side in pair.split("-")]

    def listed(self, source: Source, split: str) -> Sequence[str]:
        """The languages in the clone; on the Hub, those of LASER."""
        return source.matches(self.files("*", split)[1]) if source.folder else _ON_THE_HUB

    def languages(self, source: Source, split: str) -> Sequence[str]:
        """The languages that the source has, and English if there are any."""
        found = super().languages(source, split)
        return ["eng", *found] if found else []

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read each language paired with English."""
        return Bitext({(code, "eng"): self._one(code, split, source) for code in languages if code != "eng"})

    def _one(self, language: str, split: str, source: Source) -> tuple[Sequence[str], Sequence[str]]:
        pair = f"{language}-eng"
        if source.folder is None:
            rows = self.rows(source, pair, "test", ["sentence1", "sentence2"])
            return list(rows["sentence1"]), list(rows["sentence2"])
        sides = self.files(language, split)
        one, other = (source.lines(name, self.obtain) for name in sides)
        if len(one) != len(other):
            raise EvaluationError(f"{sides[0]} has {len(one)} lines and {sides[1]} has {len(other)}: fetch them again")
        return one, other


# fmt: off
_ON_THE_HUB = (
    "afr", "amh", "ang", "ara", "arq", "arz", "ast", "awa", "aze", "bel", "ben", "ber", "bos", "bre", "bul", "cat",
    "cbk", "ceb", "ces", "cha", "cmn", "cor", "csb", "cym", "dan", "deu", "dsb", "dtp", "ell", "epo", "est", "eus",
    "fao", "fin", "fra", "fry", "gla", "gle", "glg", "gsw", "heb", "hin", "hrv", "hsb", "hun", "hye", "ido", "ile",
    "ina", "ind", "isl", "ita", "jav", "jpn", "kab", "kat", "kaz", "khm", "kor", "kur", "kzj", "lat", "lfn", "lit",
    "lvs", "mal", "mar", "max", "mhr", "mkd", "mon", "nds", "nld", "nno", "nob", "nov", "oci", "orv", "pam", "pes",
    "pms", "pol", "por", "ron", "rus", "slk", "slv", "spa", "sqi", "srp", "swe", "swg", "swh", "tam", "tat", "tel",
    "tgl", "tha", "tuk", "tur", "tzl", "uig", "ukr", "urd", "uzb", "vie", "war", "wuu", "xho", "yid", "yue", "zsm",
)
# fmt: on
