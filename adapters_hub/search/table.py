"""The table of a search index: passages with their vectors, an index of their words and, if they are many, of vectors.

It is a LanceDB table. A part of the passages appears whole or not at all, in a new version of the table, so a process
that is killed while it writes leaves the version before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import FTS, IvfSq
from lancedb.query import MatchQuery

from adapters_hub.errors import AdaptersHubError

EXACT_BELOW = 100_000
"""Number of passages from which on an index of the vectors is made; below it, every passage is compared."""

_NAME = "passages"
_TEXTS = pa.schema(
    [
        pa.field("part", pa.string()),
        pa.field("source", pa.string()),
        pa.field("number", pa.int64()),
        pa.field("language", pa.string()),
        pa.field("text", pa.string()),
        pa.field("columns", pa.string()),
    ]
)
# Trigrams find words whatever their endings, in every language; stemmers exist for a few languages only.
_WORDS = FTS(base_tokenizer="ngram", ngram_min_length=3, ngram_max_length=3, stem=False, remove_stop_words=False)
_PROBES, _REFINED = 64, 10
"""How many clusters of an index of vectors are searched, and how many times the wanted passages compared exactly."""
_FEW_NEW = 10_000
"""Passages that may lie outside the indexes, where every search reads them all."""


@dataclass(frozen=True)
class Passages:
    """Passages that are added together.

    Attributes:
        part: what identifies them; the same part is never added twice.
        source: where they come from, for readers.
        languages: the language of each; None: the untouched base has encoded it.
        numbers: `[n]`, the place of each in the source.
        texts: the n texts.
        vectors: `[n, dim]`, of unit length, in float32 or float16.
        columns: for each, what else is known about it, as a JSON object; None: nothing.
    """

    part: str
    source: str
    languages: Sequence[str | None]
    numbers: Sequence[int]
    texts: Sequence[str]
    vectors: np.ndarray
    columns: Sequence[str | None] | None = None


class PassageTable:
    """Passages in a folder.

    Args:
        folder: the folder; it is made when passages are added.

    Raises:
        AdaptersHubError: the folder holds something else, or a damaged table.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._table: Any = None
        if (folder / f"{_NAME}.lance").is_dir():
            with contextlib.suppress(ValueError, FileNotFoundError):  # killed before its first version
                self._table = self._connected().open_table(_NAME)

    def __len__(self) -> int:
        return 0 if self._table is None else int(self._table.count_rows())

    def parts(self) -> set[str]:
        """The parts that were added."""
        if self._table is None:
            return set()
        with self._working():
            found = self._table.search().select(["part"]).limit(None).to_batches()
            return {part for batch in found for part in batch.column("part").unique().to_pylist()}

    def add(self, passages: Passages) -> None:
        """Add passages, whole or not at all.

        Raises:
            AdaptersHubError: the disk cannot take them.
        """
        dimension = passages.vectors.shape[1]
        values = pa.array(np.ascontiguousarray(passages.vectors).reshape(-1))
        schema = _TEXTS.append(pa.field("vector", pa.list_(values.type, dimension)))
        count = len(passages.texts)
        columns = [
            pa.array([passages.part] * count),
            pa.array([passages.source] * count),
            pa.array(passages.numbers, pa.int64()),
            pa.array(passages.languages, pa.string()),
            pa.array(passages.texts, pa.string()),
            pa.array(passages.columns or [None] * count, pa.string()),
            pa.FixedSizeListArray.from_arrays(values, dimension),
        ]
        rows = pa.table(columns, schema=schema)
        with self._working():
            if self._table is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._table = self._connected().create_table(_NAME, schema=schema, exist_ok=True)
            self._table.add(rows.cast(self._table.schema))

    def index(self, *, words: bool) -> None:
        """Make the indexes that are missing, and take new passages into those that exist.

        Args:
            words: whether the index of words is needed.
        """
        count = len(self)
        with self._working():
            there = {index.columns[0]: index.name for index in self._table.list_indices()}
            if words and "text" not in there:
                self._table.create_index("text", config=_WORDS)
            if count >= EXACT_BELOW and "vector" not in there:
                self._table.create_index("vector", config=IvfSq(distance_type="cosine"))
            stats = [self._table.index_stats(name) for name in there.values()]
            if any(found and found.num_unindexed_rows > _FEW_NEW for found in stats):
                self._table.optimize()

    def nearest(self, vector: np.ndarray, count: int) -> list[int]:
        """The ids of the passages with the largest cosine similarity to a vector `[dim]`, best first."""
        with self._working():
            query = self._table.search(vector.astype(np.float32), vector_column_name="vector")
            query = query.distance_type("cosine").nprobes(_PROBES).refine_factor(_REFINED)
            found = query.select(["_distance"]).with_row_id(True).limit(count).to_arrow()
        return [int(row) for row in found["_rowid"].to_pylist()]

    def with_words(self, text: str, count: int) -> list[int]:
        """The ids of the passages with the words of a text, by BM25, best first."""
        with self._working():
            wanted = MatchQuery(text, "text")  # type: ignore[call-arg]  # mypy does not see pydantic's defaults
            query = self._table.search(wanted, query_type="fts")
            found = query.select(["_score"]).with_row_id(True).limit(count).to_arrow()
        return [int(row) for row in found["_rowid"].to_pylist()]

    def read(self, ids: Sequence[int]) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The texts and facts of passages, and their vectors `[n, dim]`, float32, in the order of the ids."""
        with self._working():
            found = self._table.take_row_ids(list(ids)).with_row_id().to_arrow()
        place = {row: place for place, row in enumerate(found["_rowid"].to_pylist())}
        rows = found.drop_columns(["vector", "_rowid"]).to_pylist()
        vectors = _matrix(found["vector"])
        order = [place[row] for row in ids]
        return [rows[row] for row in order], vectors[order]

    def scan(self) -> Iterator[tuple[list[dict[str, Any]], np.ndarray]]:
        """Yield the texts and facts of all passages, and their vectors `[n, dim]`, float32, some at a time."""
        if self._table is not None:
            for batch in self._table.search().limit(None).to_batches():
                found = pa.Table.from_batches([batch])
                yield found.drop_columns(["vector"]).to_pylist(), _matrix(found["vector"])

    def sample(self, count: int) -> np.ndarray:
        """The vectors of passages at even distances, at most `count`: `[n, dim]`, float32."""
        total = len(self)
        offsets = np.unique(np.linspace(0, total - 1, min(count, total)).astype(int)).tolist()
        with self._working():
            return _matrix(self._table.take_offsets(offsets).select(["vector"]).to_arrow()["vector"])

    def _connected(self) -> Any:  # noqa: ANN401
        return lancedb.connect(self.folder)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """Turn the errors of LanceDB into one line that names the folder.

        Raises:
            AdaptersHubError: the table is damaged, or the disk cannot take what is written.
        """
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, AdaptersHubError):
                raise
            reason = str(error).strip().split("\n")[0]
            raise AdaptersHubError(f"{self.folder} cannot be searched or written ({reason:.300})") from error


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    lists = column.combine_chunks()
    values = lists.flatten().to_numpy(zero_copy_only=False)
    vectors: np.ndarray = values.reshape(len(lists), -1).astype(np.float32)
    return vectors
