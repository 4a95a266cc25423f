"""Encode a corpus of any size: Parquet in, Parquet out, shard by shard, on any number of processes and machines.

Shards are ranges of rows that do not depend on the number of processes, and one process encodes the whole of a shard.
So the vectors are bit-identical for any number of processes, the processes need not communicate, and a run that was
stopped continues with the shards that are not written yet.
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

from adapters_hub.detection import AUTO, detector
from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.errors import InputTextError
from adapters_hub.format import PromptName
from adapters_hub.shards import Unchanged, begin, check_names, parquet_files, readable, shards_of
from adapters_hub.texts import Empty, check_empty, is_missing, numbered

logger = logging.getLogger(__name__)

VECTOR = "vector"


@dataclass(frozen=True)
class Corpus:
    """Rows of text in Parquet files.

    Attributes:
        files: read in this order.
        text: column with the sentences.
        language: language of all rows, `auto` to detect that of each; None if `language_column` is given.
        language_column: column with the language of each row.
        keep: columns to copy to the output; None: all but the vectors of an earlier run and, unless the rows are
            encoded as documents, the text.
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
            InputTextError: a file or column is missing, a column of texts or languages holds no text, a column to keep
                has the name of the vector column, or not exactly one of `language` and `language_column` is given.
        """
        if (language is None) == (language_column is None):
            raise InputTextError(
                "expected either one language for all rows (--language) or a column that names each row's language "
                "(--language-column)"
            )
        if VECTOR in (keep or []):
            raise InputTextError(
                f"column {VECTOR!r} cannot be kept: the new vectors take its name; rename it, or do not keep it"
            )
        files = parquet_files(inputs)
        wanted = [text, *([language_column] if language_column else []), *(keep or [])]
        encoded = False
        for path in files:
            with readable(path):
                schema = pq.read_schema(path)
            columns = schema.names
            check_names(path, columns)
            for column in wanted:
                if column not in columns:
                    raise InputTextError(f"{path} has no column {column!r}; it has {', '.join(columns)}")
            for column in (text, *([language_column] if language_column else [])):
                if not _is_text(kind := schema.field(column).type):
                    raise InputTextError(
                        f"{path}: expected text in the column {column!r}, found {kind}: name the column with --text or "
                        "--language-column, or write it as strings"
                    )
            encoded = encoded or (keep is None and VECTOR in columns and text != VECTOR)
        if encoded:
            logger.warning(
                "the column %r of the input is left out: the new vectors take its name; rename it to keep it", VECTOR
            )
        return cls(tuple(files), text, language, language_column, tuple(keep) if keep is not None else None)

    def languages(self, empty: Empty = "error") -> list[str | None]:
        """The languages of the rows that have text.

        Raises:
            InputTextError: rows have no text, and `empty` is `error`; the message names them.
        """
        check_empty(empty)
        found: set[str | None] = set() if self.language_column else {self.language}
        for path in self.files:
            missing: list[int] = []
            start = 0
            with readable(path):
                for batch in pq.ParquetFile(path).iter_batches(columns=self._read_columns):
                    texts = _decoded(batch.column(self.text), path, start)
                    without = [row for row, text in enumerate(texts) if is_missing(text)]
                    missing += [start + row for row in without]
                    start += len(batch)
                    if self.language_column:
                        codes = batch.column(self.language_column)
                        there = np.ones(len(batch), dtype=bool)
                        there[without] = False
                        found.update(pc.unique(codes.filter(pa.array(there))).to_pylist())
            if missing and empty == "error":
                raise InputTextError(
                    f"{path}: rows {numbered(missing)} have no text in the column {self.text!r} (the first row is 0): "
                    "leave them out, or take them as missing with --empty missing, which gives them no vector"
                )
        return sorted(found, key=str)

    @property
    def _read_columns(self) -> list[str]:
        return list(dict.fromkeys([self.text, *([self.language_column] if self.language_column else [])]))


def encode_corpus(
    encoder: ModularEncoder,
    corpus: Corpus,
    output: Path,
    *,
    align: Align = False,
    prompt_name: PromptName | None = None,
    batch_size: int | None = None,
    rows_per_shard: int = 16_384,
    half: bool = False,
    empty: Empty = "error",
    process: int = 0,
    processes: int = 1,
) -> int:
    """Encode this process's shards that are not written yet.

    Args:
        encoder: an encoder with the modules of all languages in the corpus.
        corpus: the text.
        output: folder to write `part-000000.parquet` and so on to, with the column `vector` `[dim]` beside the columns
            that are kept.
        align: as for `ModularEncoder.encode`.
        prompt_name: as for `ModularEncoder.encode`.
        batch_size: as for `ModularEncoder.encode`.
        rows_per_shard: rows that are encoded and written at a time.
        half: write vectors in float16 instead of float32.
        empty: what to do about rows without text: `error` raises an error that lists them before anything is encoded,
            `missing` gives them no vector (null) and logs how many they are.
        process: number of this process.
        processes: number of processes; each takes its share of the shards.

    Returns:
        How many shards this process encoded.

    Raises:
        InputTextError: a language has no module, rows have no text, or the input changes in the meantime.
        AdaptersHubError: `output` was begun with other text, modules or settings, or cannot be written.
    """
    inputs = {path: Unchanged(path) for path in corpus.files}
    codes = corpus.languages(empty)
    if unknown := [code for code in codes if code not in (AUTO, *encoder.languages)]:
        named = ", ".join("no language (null)" if code is None else str(code) for code in unknown)
        raise InputTextError(
            f"there are rows in {named}, which is not loaded (loaded: "
            f"{', '.join(encoder.languages) or 'none'}): add its module with --module, or leave those rows out"
        )
    auto: dict[str, Any] = {}
    if AUTO in codes:  # any module, or the untouched base, may encode a row
        codes = [*encoder.languages, None]
        auto = {"auto": asdict(encoder.auto) | {"detector": detector()}}
    shards = shards_of(corpus.files, rows_per_shard)
    facts = {
        "files": [[path.name, one.digest] for path, one in inputs.items()],
        **{name: value for name, value in asdict(corpus).items() if name != "files"},
        "rows_per_shard": rows_per_shard,
        "vectors": {str(code): list(encoder.fingerprints(code, align=align)) for code in codes},
        "prompt_name": prompt_name,
        "precision": str(encoder.dtype).removeprefix("torch."),
        "type": "float16" if half else "float32",
        **auto,
    }
    facts = json.loads(json.dumps(facts))
    begin(output, facts, {"made_with": encoder.__getstate__().sources})
    share = [shard for shard in shards if shard.number % processes == process]
    mine = [shard for shard in share if not shard.is_finished(output, facts)]
    without = 0
    rows = sum(shard.stop - shard.start for shard in mine)
    with tqdm(total=rows, unit="sentence", desc="encoding", disable=process != 0) as progress:
        for shard in mine:
            table = shard.read(_columns(corpus, shard.path, prompt_name))
            vectors, missing = _vectors(encoder, corpus, table, align, prompt_name, batch_size, half)
            without += missing
            inputs[shard.path].check()
            kept = table.select(_kept(corpus, table.column_names, prompt_name))
            shard.write(kept.append_column(VECTOR, vectors), output, facts)
            progress.update(len(table))
    if without:
        logger.warning("%d rows have no text, and so no vector", without)
    return len(mine)


def _is_text(kind: pa.DataType) -> bool:
    """Whether a column can hold text. A column of nulls alone can: it has lost its type."""
    types = pa.types
    plain = kind.value_type if types.is_dictionary(kind) else kind
    return any(check(plain) for check in (types.is_string, types.is_large_string, types.is_string_view, types.is_null))


def _decoded(column: pa.Array, path: Path, start: int) -> list[str | None]:
    """The column as Python strings. Parquet does not check for UTF-8: the error names the row that is not."""
    try:
        texts: list[str | None] = column.to_pylist()
    except UnicodeDecodeError:
        for row, value in enumerate(column.cast(pa.large_binary()).to_pylist()):
            try:
                _ = value and value.decode("utf-8")
            except UnicodeDecodeError:
                raise InputTextError(f"{path}: row {start + row} is not valid UTF-8: write it anew as UTF-8") from None
        raise
    return texts


def _columns(corpus: Corpus, path: Path, prompt_name: PromptName | None) -> list[str]:
    kept = _kept(corpus, pq.read_schema(path).names, prompt_name)
    return list(dict.fromkeys([*kept, *corpus._read_columns]))


def _kept(corpus: Corpus, names: Sequence[str], prompt_name: PromptName | None) -> list[str]:
    """The columns among `names` that are copied to the output; documents keep their text, which a search shows."""
    if corpus.keep is not None:
        return list(corpus.keep)
    left = (VECTOR,) if prompt_name == "document" else (VECTOR, corpus.text)
    return [name for name in names if name not in left]


def _vectors(
    encoder: ModularEncoder,
    corpus: Corpus,
    table: pa.Table,
    align: Align,
    prompt_name: PromptName | None,
    batch_size: int | None,
    half: bool,
) -> tuple[pa.FixedSizeListArray, int]:
    """A vector for each row, and how many rows have none."""
    texts = table.column(corpus.text).to_pylist()
    there = np.array([not is_missing(text) for text in texts], dtype=bool)
    languages: str | list[Any] | None = corpus.language
    if corpus.language_column is not None:
        codes = table.column(corpus.language_column).to_pylist()
        languages = [codes[row] for row in np.flatnonzero(there)]
    values = np.zeros((len(texts), encoder.dimension), dtype=np.float16 if half else np.float32)
    if there.any():
        chosen = [texts[row] for row in np.flatnonzero(there)]
        values[there] = encoder.encode(chosen, languages, align=align, prompt_name=prompt_name, batch_size=batch_size)
    flat, missing = pa.array(values.reshape(-1)), pa.array(~there)
    return pa.FixedSizeListArray.from_arrays(flat, encoder.dimension, mask=missing), int((~there).sum())
