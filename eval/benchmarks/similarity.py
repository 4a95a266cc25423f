"""Semantic textual similarity within and across languages."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from eval.benchmarks.benchmark import Coded
from eval.benchmarks.data import Data, GradedPairs, Similarity
from eval.benchmarks.source import Source
from eval.errors import EvaluationError, NothingToScoreError

logger = logging.getLogger(__name__)

_COLUMNS = ("sentence1", "sentence2", "score")
_EXTENSION = "cross-lingual-sts/dataset.zip"


class STSB(Coded):
    """The STS benchmark in ten languages, machine-translated from English."""

    name = "stsb"
    title = "STS benchmark (stsb-multi-mt)"
    task = "similarity"
    license = "CC BY-SA 4.0 for the annotation; texts under the licences of their sources"
    citation = "Cer et al. 2017, SemEval-2017 Task 1; translations: May 2021, Machine translated multilingual STS"
    url = "https://github.com/PhilipMay/stsb-multi-mt"
    hub_id = "mteb/stsb_multi_mt"
    revision = "29afa2569dcedaaa2fe6a3dcfebab33d28b82e8c"
    codes: ClassVar = {
        "eng": "en", "deu": "de", "spa": "es", "fra": "fr", "ita": "it", "nld": "nl", "pol": "pl", "por": "pt",
        "rus": "ru", "zho": "zh",
    }  # fmt: skip

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language."""
        return [f"stsb-multi-mt/data/stsb-{self.code(language)}-{split}.csv"]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages."""
        return Similarity.crossed({code: self._one(code, split, source) for code in languages})

    def _one(self, language: str, split: str, source: Source) -> GradedPairs:
        if source.folder is None:
            columns, code = ("sentence1", "sentence2", "similarity_score"), self.code(language)
            return GradedPairs.of(self.rows(source, code, split, columns), columns, f"{self.hub_id} {code}")
        (name,) = self.files(language, split)
        return GradedPairs.of(source.table(name, self.obtain, _COLUMNS, header=False), _COLUMNS, name)


class KardesSTS(Coded):
    """STS in five Turkic languages, of which Uyghur is in Cyrillic script, and English."""

    name = "kardes"
    title = "Kardeş-NLU STS"
    task = "similarity"
    license = "CC BY-SA 4.0"
    citation = "Senel et al. 2024, Kardeş-NLU: Transfer to Low-Resource Languages with Big Brother's Help, EACL"
    url = "https://github.com/lksenel/Kardes-NLU"
    codes: ClassVar = {
        "eng": "", "azj": "azeri az", "kaz": "kazakh kk", "kir": "kyrgyz ky", "uig": "uyghur ug", "uzn": "uzbek uz",
    }  # fmt: skip
    convert: Callable[[str], str] | None = None
    """Function applied to Uyghur text; None: leave it as it is."""

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language; the English sentences are in the Azerbaijani file."""
        folder, code = (self.code(language) or self.code("azj")).split()
        return [f"Kardes-NLU/Data/{folder}/sts.{split}.{code}.csv"]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read all pairs of languages; the English sentences come from the Azerbaijani file."""
        return Similarity.crossed({code: self._one(code, split, source) for code in languages})

    def _one(self, language: str, split: str, source: Source) -> GradedPairs:
        names = _COLUMNS if language == "eng" else ("s1_translation", "s2_translation", "score")
        (path,) = self.files(language, split)
        pairs = GradedPairs.of(source.table(path, self.obtain, names), names, path)
        if self.convert is None or language != "uig":
            return pairs
        return GradedPairs([self.convert(s) for s in pairs.first], [self.convert(s) for s in pairs.second], pairs.gold)


class KardesSTSArabic(KardesSTS):
    """The same with Uyghur converted to Arabic script, which most of its readers and texts use."""

    name = "kardes-uas"
    title = "Kardeş-NLU STS, Uyghur in Arabic script"

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read the data as `kardes` does; this needs the package umsc."""
        try:
            from umsc import UgMultiScriptConverter
        except ImportError as error:
            raise EvaluationError("kardes-uas needs the script converter: pip install umsc") from error
        self.convert = UgMultiScriptConverter("UCS", "UAS")
        return super().load(languages, split, source)


class KorSTS(Coded):
    """STS in Korean."""

    name = "korsts"
    title = "KorSTS"
    task = "similarity"
    license = "CC BY-SA 4.0"
    citation = "Ham et al. 2020, KorNLI and KorSTS: New Benchmark Datasets for Korean NLU, Findings of EMNLP"
    url = "https://github.com/kakaobrain/KorNLUDatasets"
    hub_id = "dkoterwa/kor-sts"
    revision = "016f35f9b961daaaa7a352e927084e3da662ac1f"
    codes: ClassVar = {"kor": "ko"}
    hub_splits: ClassVar = {"dev": "valid"}

    def files(self, language: str, split: str) -> Sequence[str]:
        """One file per language."""
        return [f"KorNLUDatasets/KorSTS/sts-{split}.tsv"]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read the Korean pairs."""
        if source.folder is None:
            rows, where = self.rows(source, None, split, _COLUMNS), str(self.hub_id)
        else:
            (where,) = self.files("kor", split)
            rows = source.table(where, self.obtain, _COLUMNS, delimiter="\t", quoted=False)
        return Similarity({("kor", "kor"): GradedPairs.of(rows, _COLUMNS, where)}, parallel=False)


class _ByTrack(Coded):
    """A benchmark with its own list of language pairs (tracks), in a Hub dataset or a clone of it."""

    tracks: ClassVar[Sequence[str]]

    def files(self, language: str, split: str) -> Sequence[str]:
        """The folder of the clone, which is read in the same way as the dataset on the Hub."""
        return [str(self.hub_id).rpartition("/")[2]]

    def tracks_at(self, source: Source, split: str) -> Sequence[str]:
        """The tracks that the source has."""
        return self.tracks if source.has(self.files("*", split)) else []

    def languages(self, source: Source, split: str) -> Sequence[str]:
        """The languages of the tracks that the source has."""
        there = {code for track in self.tracks_at(source, split) for code in self._ends(track)}
        return [code for code in self.codes if code in there]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read the tracks whose two languages are both wanted."""
        wanted = [track for track in self.tracks if set(self._ends(track)) <= set(languages)]
        there = [track for track in wanted if track in self.tracks_at(source, split)]
        if not there:
            raise NothingToScoreError(
                f"no pairs within {', '.join(languages)}; its tracks are {', '.join(self.tracks_at(source, split))}"
            )
        if without := [track for track in wanted if track not in there]:
            logger.warning("%s: tracks %s are missing: %s", self.name, ", ".join(without), self.obtain)
        pairs = {self._ends(track): self._track(track, split, source) for track in there}
        return Similarity(pairs, parallel=False)

    def _ends(self, track: str) -> tuple[str, str]:
        iso = {code: language for language, code in self.codes.items()}
        one, _, other = track.partition("-")
        return iso[one], iso[other or one]

    def _track(self, track: str, split: str, source: Source) -> GradedPairs:
        return GradedPairs.of(self.rows(source, track, split, _COLUMNS), _COLUMNS, f"{self.name} {track}")

    @property
    def obtain(self) -> str:
        """How to get a clone."""
        return f"git clone https://huggingface.co/datasets/{self.hub_id} into the data folder"


class STS17(_ByTrack):
    """STS 2017 with its cross-lingual tracks, extended by Reimers and Gurevych, and to Czech, German and French."""

    name = "sts17"
    title = "STS 2017, extended"
    task = "similarity"
    license = "not stated by its authors"
    citation = (
        "Cer et al. 2017, SemEval-2017 Task 1; Reimers and Gurevych 2020; "
        "Hercig and Kral 2021, Evaluation Datasets for Cross-lingual Semantic Textual Similarity, RANLP"
    )
    url = "https://gitlab.com/tigi.cz/cross-lingual-sts"
    hub_id = "mteb/sts17-crosslingual-sts"
    revision = "faeb762787bd10488a50c8b5be4a3b82e411949c"
    splits = ("test",)
    codes: ClassVar = {
        "eng": "en", "arb": "ar", "deu": "de", "tur": "tr", "spa": "es", "fra": "fr", "ita": "it", "kor": "ko",
        "nld": "nl", "ces": "cs",
    }  # fmt: skip
    extension: ClassVar = (
        "de-de", "fr-fr", "cs-cs", "de-en", "en-fr", "en-cs", "cs-en", "de-fr", "fr-de", "cs-de", "de-cs", "cs-fr",
        "fr-cs",
    )  # fmt: skip
    tracks: ClassVar = (
        "ar-ar", "en-ar", "en-de", "en-en", "en-tr", "es-en", "es-es", "fr-en", "it-en", "ko-ko", "nl-en",
        *extension,
    )  # fmt: skip

    @property
    def obtain(self) -> str:
        """How to get the data, from two places."""
        return f"{super().obtain}, and for tracks with ces, and of deu and fra, git clone {self.url} beside it"

    def tracks_at(self, source: Source, split: str) -> Sequence[str]:
        """The tracks that the source has; the extension is in a separate archive, which is not on the Hub."""
        extended = source.folder is not None and source.has([_EXTENSION])
        main = super().tracks_at(source, split)
        return [track for track in self.tracks if (extended if track in self.extension else track in main)]

    def _track(self, track: str, split: str, source: Source) -> GradedPairs:
        if track not in self.extension:
            return super()._track(track, split, source)
        path = source.file(_EXTENSION, self.obtain)
        one, _, other = track.upper().partition("-")
        with zipfile.ZipFile(path) as archive:
            first = _zipped_lines(archive, f"dataset/STS.2017.input.track5.{one}.first.txt")
            second = _zipped_lines(archive, f"dataset/STS.2017.input.track5.{other}.second.txt")
            gold = _zipped_lines(archive, "dataset/STS.2017.gs.track5.first-second.txt")
        return GradedPairs(first, second, np.array([float(grade) for grade in gold]))


class STS22(_ByTrack):
    """Similarity of news articles, SemEval 2022."""

    name = "sts22"
    title = "STS 2022"
    task = "similarity"
    license = "not stated by its authors"
    citation = "Chen et al. 2022, SemEval-2022 Task 8: Multilingual News Article Similarity"
    url = "https://competitions.codalab.org/competitions/33835"
    hub_id = "mteb/sts22-crosslingual-sts"
    revision = "d31f33a128469b20e357535c39b82fb3c3f6f2bd"  # without the pairs that have an empty article
    splits = ("test",)
    codes: ClassVar = {
        "eng": "en", "arb": "ar", "deu": "de", "spa": "es", "fra": "fr", "ita": "it", "pol": "pl", "rus": "ru",
        "tur": "tr", "zho": "zh",
    }  # fmt: skip
    tracks: ClassVar = (
        "ar", "de", "de-en", "de-fr", "de-pl", "en", "es", "es-en", "es-it", "fr", "fr-pl", "it", "pl", "pl-en", "ru",
        "tr", "zh", "zh-en",
    )  # fmt: skip


def _zipped_lines(archive: zipfile.ZipFile, name: str) -> list[str]:
    try:
        with archive.open(name) as file:
            return [line.strip() for line in io.TextIOWrapper(file, "utf-8")]
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{name} in {archive.filename} is not UTF-8 ({error}): fetch it again") from error
    except KeyError as error:
        raise EvaluationError(f"{archive.filename} has no {name}: fetch the repository again") from error
