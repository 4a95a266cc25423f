"""Passages from a folder that `adapters-hub encode` has written."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from adapters_hub.corpus import VECTOR
from adapters_hub.errors import AdaptersHubError
from adapters_hub.json_files import load_json
from adapters_hub.search.table import Passages
from adapters_hub.shards import FACTS_FILE, identity, parquet_files, readable


def encoded_parts(folder: Path, there: Collection[str]) -> Iterator[Passages]:
    """The passages of the shards that are finished; rows without text are left out.

    Args:
        folder: the folder.
        there: the parts to leave out.

    Raises:
        AdaptersHubError: a shard is damaged, or lacks the texts.
    """
    try:
        facts = load_json(folder / FACTS_FILE)
        text, language, column = facts["text"], facts["language"], facts["language_column"]
    except (ValueError, KeyError, TypeError) as error:
        raise AdaptersHubError(f"{folder / FACTS_FILE} is damaged ({error}): run adapters-hub encode again") from error
    for path in parquet_files([folder]):
        with readable(path):
            schema = pq.read_schema(path)
        part = identity(schema)
        if part is None or part in there:
            continue
        if missing := [name for name in (text, *([column] if column else [])) if name not in schema.names]:
            raise AdaptersHubError(
                f"{path} lacks the column {missing[0]!r}, which search needs: encode with --as document, or with "
                f"--keep {','.join(missing)}"
            )
        with readable(path):
            table = pq.read_table(path, page_checksum_verification=True)
        rows_there = np.flatnonzero(table[VECTOR].is_valid().to_numpy())
        if not len(rows_there):
            continue
        kept = table.take(rows_there)
        lists = kept[VECTOR].combine_chunks()
        vectors = lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), -1)
        others = kept.drop_columns([text, VECTOR]).to_pylist()
        codes = kept[column].to_pylist() if column else [language] * len(lists)
        columns = [json.dumps(row, ensure_ascii=False, default=str) if row else None for row in others]
        yield Passages(part, path.name, codes, rows_there.tolist(), kept[text].to_pylist(), vectors, columns)
