"""Facts about training data, for the module's card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.settings import DataSource, fill


def data_facts(source: DataSource, use: str, language: str, pivot: str) -> dict[str, Any]:
    """The facts about a data source that a card shows; `use` is the purpose of the data."""
    path = Path(fill(source.path, language, pivot))
    facts: dict[str, Any] = {
        "use": use,
        "name": source.name or (path.name if path.is_file() else str(path)),
        "columns": [fill(column, language, pivot) for column in source.columns or []],
        "license": source.license,
        "limit": source.limit,
    }
    if path.is_file():
        return facts | {"bytes": path.stat().st_size}
    return facts | {"dataset": str(path)}
