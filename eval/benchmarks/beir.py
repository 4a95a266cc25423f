"""Retrieval data in BEIR's form: tables of queries, passages and judgements; a user's folder, or MIRACL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from eval.benchmarks.benchmark import Benchmark, Coded
from eval.benchmarks.data import Collection, Data, Retrieval
from eval.benchmarks.hub import Hub
from eval.benchmarks.source import Source
from eval.errors import EvaluationError

_JUDGED = ("query-id", "corpus-id", "score")


class BEIRFolder(Benchmark):
    """A user's own retrieval data.

    Reference: Thakur et al. 2021, BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval
    Models.

    Args:
        folder: the folder.
        queries: language of the queries, ISO 639-3.
        passages: language of the passages.
    """

    task = "retrieval"
    license = "as its owner states"
    citation = "the folder itself"
    url = "a folder"

    def __init__(self, folder: Path, queries: str, passages: str) -> None:
        self.name = folder.resolve().name  # type: ignore[misc]
        self.title = f"{self.name}, {queries}" + (f" on {passages}" if passages != queries else "")  # type: ignore[misc]
        self.folder, self._queries, self._passages = folder, queries, passages
        splits = sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))
        self.splits = tuple(splits)  # type: ignore[misc]

    @property
    def obtain(self) -> str:
        """What the folder needs."""
        return "expected corpus.jsonl (_id, title, text), queries.jsonl (_id, text) and qrels/SPLIT.tsv with a header"

    def sources(self, folder: Path | None, hub: Hub) -> list[Source]:
        """The folder itself."""
        return [Source(self.folder, hub)]

    def listed(self, source: Source, split: str) -> Sequence[str]:
        """The languages of queries and passages."""
        return list(dict.fromkeys((self._queries, self._passages)))

    def files(self, language: str, split: str) -> Sequence[str]:
        """The three files."""
        return ["corpus.jsonl", "queries.jsonl", f"qrels/{split}.tsv"]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read the folder."""
        if set(languages) != {self._queries, self._passages}:
            return Retrieval({})
        corpus, asked, judged = self.files("*", split)
        found = _collection(
            source.json_lines(asked, self.obtain, ("_id", "text")),
            source.json_lines(corpus, self.obtain, ("_id", "text")),
            source.table(judged, self.obtain, _JUDGED, "\t", quoted=False),
            judged,
        )
        return Retrieval({(self._queries, self._passages): found})


class MIRACL(Coded):
    """MIRACL's development questions on passages of Wikipedia, in the smaller form that MTEB made.

    It has at most 1,000 questions per language and, for each, the 250 passages that BM25, multilingual-e5-large and
    e5-mistral rank highest: up to 200,000 passages per language instead of millions.
    """

    name = "miracl"
    title = "MIRACL, hard negatives"
    task = "retrieval"
    license = "Apache-2.0; passages: CC BY-SA 4.0"
    citation = "Zhang et al. 2023, MIRACL: A Multilingual Retrieval Dataset Covering 18 Diverse Languages, TACL"
    url = "https://huggingface.co/datasets/mteb/MIRACLRetrievalHardNegatives"
    hub_id = "mteb/MIRACLRetrievalHardNegatives"
    revision = "d7d94fa4b946cec4a27c84653aa0cf6b33f74a3c"
    splits = ("dev",)
    codes: ClassVar = {
        "arb": "ar", "ben": "bn", "deu": "de", "eng": "en", "spa": "es", "pes": "fa", "fin": "fi", "fra": "fr",
        "hin": "hi", "ind": "id", "jpn": "ja", "kor": "ko", "rus": "ru", "swh": "sw", "tel": "te", "tha": "th",
        "yor": "yo", "zho": "zh",
    }  # fmt: skip

    def files(self, language: str, split: str) -> Sequence[str]:
        """The folder of the clone, which is read in the same way as the dataset on the Hub."""
        return [str(self.hub_id).rpartition("/")[2]]

    def load(self, languages: Sequence[str], split: str, source: Source) -> Data:
        """Read each language on its own, since neither questions nor passages are translations."""
        return Retrieval({(code, code): self._one(self.code(code), split, source) for code in languages})

    def _one(self, code: str, split: str, source: Source) -> Collection:
        queries, passages, judgements = (
            self.rows(source, f"{code}-{part}", split, columns)
            for part, columns in (("queries", ["text"]), ("corpus", ["text"]), ("qrels", _JUDGED))
        )
        return _collection(queries, passages, judgements, f"{self.name} {code}")


def _collection(
    queries: Iterable[Mapping[str, Any]],
    passages: Iterable[Mapping[str, Any]],
    judgements: Iterable[Mapping[str, Any]],
    judged: str,
) -> Collection:
    """A collection from the rows of BEIR's three tables; a title stands before the text of its passage.

    BEIR calls the identifier `_id`, and MTEB calls it `id`.

    Raises:
        EvaluationError: a score is not a whole number; the message names `judged` and the line, under a header.
    """
    relevant: dict[str, dict[str, int]] = defaultdict(dict)
    for number, row in enumerate(judgements, start=2):
        try:
            grade = int(row["score"])
        except ValueError as error:
            raise EvaluationError(
                f"{judged}, line {number}: the score {row['score']!r} is not a whole number"
            ) from error
        if grade > 0:
            relevant[row["query-id"]][row["corpus-id"]] = grade
    return Collection.of(
        {_id(row): row["text"] for row in queries},
        {_id(row): f"{row.get('title') or ''} {row['text'] or ''}".strip() for row in passages},
        relevant,
    )


def _id(row: Mapping[str, Any]) -> str:
    return str(row["_id"] if "_id" in row else row["id"])


def parse_folder(text: str) -> BEIRFolder | None:
    """A benchmark from `LANGUAGE=FOLDER` or `QUERIES-PASSAGES=FOLDER`, such as `hau-eng=out/questions`.

    Returns:
        The benchmark; None if the text has another form.

    Raises:
        EvaluationError: there is no such folder, or it does not have BEIR's form.
    """
    languages, equals, place = text.partition("=")
    if not equals:
        return None
    queries, _, passages = languages.partition("-")
    if not queries or not place:
        raise EvaluationError(f"expected LANGUAGE=FOLDER or QUERIES-PASSAGES=FOLDER, found {text!r}")
    folder = Path(place)
    found = BEIRFolder(folder, queries, passages or queries)
    if not folder.is_dir() or not found.splits:
        raise EvaluationError(f"no benchmark in BEIR's form at {folder}: {found.obtain}")
    return found
