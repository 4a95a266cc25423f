"""Choose the rows to use: drop empty rows, duplicates and rows beyond the limits."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
from datasets import Dataset

from adapters_hub.texts import canonical, text_key
from trainer.data.errors import DataError
from trainer.settings import DataSource

logger = logging.getLogger(__name__)


def clean(
    data: Dataset,
    required: Sequence[str],
    what: str,
    source: DataSource,
    labels: list[str] | None,
    optional: Sequence[str] = (),
) -> Dataset:
    """Drop empty rows, pairs of identical sentences, duplicates and rows over the limits, and log their numbers.

    Canonically equal sentences count as identical.

    Args:
        data: the rows.
        required: columns that must not be empty; the first and second form a pair, the third and fourth, and so on.
        what: the data's name in the log.
        source: the source, which sets the limits.
        labels: the group label of each row; None if the source does not choose by them.
        optional: columns that may be empty.

    Raises:
        DataError: no row is left.
    """
    digests = np.zeros(len(data), dtype=np.int64)
    usable = np.zeros(len(data), dtype=bool)
    identical = 0
    position = 0
    for batch in data.iter(batch_size=4096):
        for row in zip(*(batch[name] for name in (*required, *optional)), strict=True):
            parts = [canonical(part.strip()) if isinstance(part, str) else "" for part in row]
            needed = parts[: len(required)]
            same = all(needed) and any(a == b for a, b in zip(needed[::2], needed[1::2], strict=False))
            identical += same
            usable[position] = all(needed) and not same
            digests[position] = text_key("\x1f".join(parts))
            position += 1
    rows = np.flatnonzero(usable)
    _, first = np.unique(digests[rows], return_index=True)
    kept = rows[np.sort(first)]
    empty, duplicates = len(data) - len(rows) - identical, len(rows) - len(kept)
    chosen = without_left_out(kept, source, labels)
    left_out = len(kept) - len(chosen)
    kept = within_limits(chosen, source, labels)
    over = len(chosen) - len(kept)
    counts = {"empty": empty, "identical pairs": identical, "duplicates": duplicates}
    counts |= {"left out": left_out, "over the limit": over}
    notes = [f"{count} {name}" for name, count in counts.items() if count]
    logger.info("%s: %d rows read, %s; %d used", what, len(data), ", ".join(notes) or "none dropped", len(kept))
    if not len(kept):
        raise DataError(f"{what}: no usable row among {len(data)} ({', '.join(notes) or 'the file is empty'})")
    return data.select(kept)


def without_left_out(rows: np.ndarray, source: DataSource, labels: list[str] | None) -> np.ndarray:
    """The rows whose labels the source does not leave out, in their order."""
    return rows if labels is None else rows[~np.isin(np.array(labels)[rows], source.leave_out)]


def within_limits(rows: np.ndarray, source: DataSource, labels: list[str] | None) -> np.ndarray:
    """Apply the limits of a source to some rows, keeping their order."""
    if labels is not None and source.group_limit is not None:
        seen: Counter[str] = Counter()
        places = []
        for place, row in enumerate(rows):
            seen[labels[row]] += 1
            if seen[labels[row]] <= source.group_limit:
                places.append(place)
        rows = rows[places]
    return rows[: source.limit]
