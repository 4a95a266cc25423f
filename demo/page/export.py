"""The files to download: vectors, table, figure and program."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo.compare.comparison import Comparison
from demo.compare.snippet import snippet
from demo.views.figure import draw

_FORMULA = ("=", "+", "-", "@")


def export(comparison: Comparison, folder: Path, hub: str | None = None) -> list[Path]:
    """Write all files of a comparison.

    Args:
        comparison: a comparison of at least one row.
        folder: the folder to write to.
        hub: see `snippet`.

    Returns:
        `vectors.parquet` (a row for every sentence and composition), `vectors.npy` (`[compositions, n, dim]`,
        float32), `similarities.csv` (a row for every pair), `similarities.png`, `reproduce.py`.
    """
    np.save(folder / "vectors.npy", comparison.vectors)
    pq.write_table(vectors_table(comparison), folder / "vectors.parquet")
    (folder / "similarities.csv").write_text(pairs_csv(comparison), encoding="utf-8-sig", newline="")
    draw(comparison, folder / "similarities.png")
    (folder / "reproduce.py").write_text(snippet(comparison, hub), encoding="utf-8")
    names = ("vectors.parquet", "vectors.npy", "similarities.csv", "similarities.png", "reproduce.py")
    return [folder / name for name in names]


def vectors_table(comparison: Comparison) -> pa.Table:
    """A table with a row for every sentence and composition, with its vector; its metadata names the modules."""
    rows, columns = comparison.rows, comparison.columns
    dimension = comparison.vectors.shape[2]
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(comparison.vectors.ravel()), dimension)
    table = pa.table(
        {
            "composition": [column.title for column in columns for _ in rows],
            "language": [row.language for _ in columns for row in rows],
            "meaning": [row.meaning for _ in columns for row in rows],
            "text": [row.text for _ in columns for row in rows],
            "vector": vectors,
        }
    )
    facts = {
        "compositions": json.dumps([column.to_record() for column in columns]),
        "modules": json.dumps(comparison.picks.names),
    }
    return table.replace_schema_metadata(facts)


def pairs_csv(comparison: Comparison) -> str:
    """A table with a row for every pair of sentences and a column for every composition."""
    target = io.StringIO()
    writer = csv.writer(target)
    titles = [f"{number}. {column.title}" for number, column in enumerate(comparison.columns, start=1)]
    writer.writerow(["language_1", "text_1", "language_2", "text_2", "same_meaning", *titles])
    rows, cosines = comparison.rows, comparison.similarities
    for i, first in enumerate(rows):
        for j, second in enumerate(rows[i + 1 :], start=i + 1):
            equal = first.same_meaning(second)
            same = "" if equal is None else int(equal)
            values = [f"{cosines[number, i, j]:.6f}" for number in range(len(titles))]
            writer.writerow([first.language, _inert(first.text), second.language, _inert(second.text), same, *values])
    return target.getvalue()


def _inert(text: str) -> str:
    """Text in a form that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
