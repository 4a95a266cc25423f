"""Any retrieval data in BEIR's form: a folder with `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from eval.benchmarks.benchmark import Benchmark
from eval.benchmarks.data import Collection, Data, Retrieval
from eval.benchmarks.hub import Hub
from eval.benchmarks.retrieval import json_lines
from eval.benchmarks.source import Source
from eval.errors import EvaluationError


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
        """Read the folder; a title stands before the text of its passage."""
        if set(languages) != {self._queries, self._passages}:
            return Retrieval({})
        corpus, asked, judged = self.files("*", split)
        passages = {
            str(row["_id"]): f"{row.get('title') or ''} {row['text'] or ''}".strip()
            for row in json_lines(source, corpus, self.obtain, ("_id", "text"), ("title",))
        }
        queries = {str(row["_id"]): row["text"] for row in json_lines(source, asked, self.obtain, ("_id", "text"))}
        relevant: dict[str, dict[str, int]] = defaultdict(dict)
        columns = ("query-id", "corpus-id", "score")
        for number, row in enumerate(source.table(judged, self.obtain, columns, "\t", quoted=False), start=2):
            try:
                grade = int(row["score"])
            except ValueError as error:
                raise EvaluationError(
                    f"{judged}, line {number}: the score {row['score']!r} is not a whole number"
                ) from error
            if grade > 0:
                relevant[row["query-id"]][row["corpus-id"]] = grade
        return Retrieval({(self._queries, self._passages): Collection.of(queries, passages, relevant)})


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
