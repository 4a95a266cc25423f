"""Encode a corpus of any size: Parquet in, Parquet out, shard by shard, on any number of processes and machines.

Shards are ranges of rows that do not depend on how many processes there are, and each is encoded whole by one of them.
So the vectors are the same bits on one process as on many, processes need not talk to each other, and a run that was
stopped goes on with the shards that are not there yet.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm.auto import tqdm

from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.errors import InputTextError
from adapters_hub.shards import Unchanged, begin, check_names, parquet_files, readable, shards_of

logger = logging.getLogger(__name__)

VECTOR = "vector"


@dataclass(frozen=True)
class Corpus:
    """Rows of text in Parquet files.

    Attributes:
        files: read in this order.
        text: column with the sentences.
        language: of all rows, unless a column says.
        language_column: column with a language for each row.
        keep: columns to carry over; None: all but the text, and but vectors from an earlier run.
    """

    files: tuple[Path, ...]
    text: str
    language: str | None = None
    language_column: str | None = None
    keep: tuple[str, ...] | None = None

    @classmethod
    def open(
        cls,
        inputs: Sequence[Path],
        text: str,
        language: str | None = None,
        language_column: str | None = None,
        keep: Sequence[str] | None = None,
    ) -> Corpus:
        """Find the files (folders stand for the `.parquet` files in them) and check their columns.

        Raises:
            InputTextError: a file or column is missing, a column to keep has the name that the vectors get, or not
                exactly one of the languages is given.
        """
        if (language is None) == (language_column is None):
            raise InputTextError("expected either one language for all rows or the column that names each row's")
        if VECTOR in (keep or []):
            raise InputTextError(
                f"column {VECTOR!r} cannot be kept: the new vectors have its name; rename it, or do not keep it"
            )
        files = parquet_files(inputs)
        wanted = [text, *([language_column] if language_column else []), *(keep or [])]
        encoded = False
        for path in files:
            with readable(path):
                columns = pq.read_schema(path).names
            check_names(path, columns)
            for column in wanted:
                if column not in columns:
                    raise InputTextError(f"{path} has no column {column!r}; it has {', '.join(columns)}")
            encoded = encoded or (keep is None and VECTOR in columns and text != VECTOR)
        if encoded:
            logger.warning(
                "the column %r of the input is left out: the new vectors have its name; rename it to keep it", VECTOR
            )
        return cls(tuple(files), text, language, language_column, tuple(keep) if keep is not None else None)

    def languages(self) -> list[str | None]:
        """The languages that occur."""
        if self.language_column is None:
            return [self.language]
        found: set[str | None] = set()
        for path in self.files:
            with readable(path):
                for batch in pq.ParquetFile(path).iter_batches(columns=[self.language_column]):
                    found.update(pc.unique(batch.column(0)).to_pylist())
        return sorted(found, key=str)


def encode_corpus(
    encoder: ModularEncoder,
    corpus: Corpus,
    output: Path,
    *,
    align: Align = False,
    batch_size: int | None = None,
    rows_per_shard: int = 16_384,
    half: bool = False,
    process: int = 0,
    processes: int = 1,
) -> int:
    """Encode the shards of this process that are not there yet.

    A row without text has no vector (null); their number is logged.

    Args:
        encoder: has the modules of all languages that occur.
        corpus: the text.
        output: folder to write to: `part-000000.parquet` and so on, with the column `vector` `[dim]` beside the columns
            that are kept.
        align: as for `ModularEncoder.encode`.
        batch_size: as for `ModularEncoder.encode`.
        rows_per_shard: rows that are encoded, and written, at a time.
        half: write vectors in float16 instead of float32.
        process: number of this process.
        processes: how many there are; each takes its share of the shards.

    Returns:
        How many shards this process encoded.

    Raises:
        InputTextError: a language occurs that has no module, or the input is changed meanwhile.
        AdaptersHubError: `output` was begun with other text, modules or settings, or cannot be written.
    """
    inputs = {path: Unchanged(path) for path in corpus.files}
    codes = corpus.languages()
    if unknown := [code for code in codes if code not in encoder.languages]:
        raise InputTextError(
            f"there are rows in {', '.join(map(str, unknown))}, which is not loaded (loaded: "
            f"{', '.join(encoder.languages) or 'none'}): add its module with --module, or leave those rows out"
        )
    shards = shards_of(corpus.files, rows_per_shard)
    facts = {
        "files": [[path.name, one.digest] for path, one in inputs.items()],
        **{name: value for name, value in asdict(corpus).items() if name != "files"},
        "rows_per_shard": rows_per_shard,
        "vectors": {str(code): list(encoder.fingerprints(code, align=align)) for code in codes},
        "precision": str(encoder.dtype).removeprefix("torch."),
        "type": "float16" if half else "float32",
    }
    facts = json.loads(json.dumps(facts))
    begin(output, facts)
    share = [shard for shard in shards if shard.number % processes == process]
    mine = [shard for shard in share if not shard.is_finished(output, facts)]
    without = 0
    rows = sum(shard.stop - shard.start for shard in mine)
    with tqdm(total=rows, unit="sentence", desc="encoding", disable=process != 0) as progress:
        for shard in mine:
            table = shard.read(_columns(corpus, shard.path))
            vectors, missing = _vectors(encoder, corpus, table, align, batch_size, half)
            without += missing
            inputs[shard.path].check()
            shard.write(table.select(_kept(corpus, table.column_names)).append_column(VECTOR, vectors), output, facts)
            progress.update(len(table))
    if without:
        logger.warning("%d rows have no text, and so no vector", without)
    return len(mine)


def _columns(corpus: Corpus, path: Path) -> list[str]:
    kept = _kept(corpus, pq.read_schema(path).names)
    return list(dict.fromkeys([*kept, corpus.text, *([corpus.language_column] if corpus.language_column else [])]))


def _kept(corpus: Corpus, names: Sequence[str]) -> list[str]:
    """Which of these columns are carried over."""
    return [name for name in names if name not in (corpus.text, VECTOR)] if corpus.keep is None else list(corpus.keep)


def _vectors(
    encoder: ModularEncoder, corpus: Corpus, table: pa.Table, align: Align, batch_size: int | None, half: bool
) -> tuple[pa.FixedSizeListArray, int]:
    """A vector for each row, and how many rows have none."""
    texts = table.column(corpus.text).to_pylist()
    there = np.array([isinstance(text, str) and bool(text.strip()) for text in texts], dtype=bool)
    languages: str | list[Any] | None = corpus.language
    if corpus.language_column is not None:
        codes = table.column(corpus.language_column).to_pylist()
        languages = [codes[row] for row in np.flatnonzero(there)]
    values = np.zeros((len(texts), encoder.dimension), dtype=np.float16 if half else np.float32)
    if there.any():
        chosen = [texts[row] for row in np.flatnonzero(there)]
        values[there] = encoder.encode(chosen, languages, align=align, batch_size=batch_size)
    flat, missing = pa.array(values.reshape(-1)), pa.array(~there)
    return pa.FixedSizeListArray.from_arrays(flat, encoder.dimension, mask=missing), int((~there).sum())
