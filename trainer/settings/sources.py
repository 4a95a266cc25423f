"""Where text comes from, and how values of a recipe are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters_hub.languages import check_language


@dataclass
class DataSource:
    """Where text comes from. `{language}` and `{pivot}` are filled in everywhere.

    Args:
        path: A file (.txt .tsv .csv .jsonl .parquet, also as .xz or .gz of these) or the name of a Hub dataset.
        columns: Names of the columns to take, in their order; for TSV and CSV the file then has a header line. Without
            it TSV and CSV have no header line, and other tables are taken by the names of their columns: text, or
            anchor, positive and negative, or pivot and target. For plain text given several columns, all of them are
            read as text.
        subset: Configuration of a Hub dataset.
        split: Split of a Hub dataset.
        limit: Use at most that many rows.
        groups: File with a label for each row (a line each): what the row was taken from, or its style.
        group_limit: Use at most that many rows with the same label, so that no style drowns the others.
        name: What the module's card calls the data; by default the dataset or the file's name.
        license: Of the data, for the card.
    """

    path: str = ""
    columns: list[str] | None = None
    subset: str | None = None
    split: str = "train"
    limit: int | None = None
    groups: str = ""
    group_limit: int | None = None
    name: str = ""
    license: str = ""


def source_list(sources: DataSource | list[DataSource]) -> list[DataSource]:
    """One source or several, as several."""
    return list(sources) if isinstance(sources, list) else [sources]


def fill(template: str, language: str, pivot: str) -> str:
    """Put the language codes into `{language}` and `{pivot}`."""
    return template.replace("{language}", language).replace("{pivot}", pivot)


def has_data(source: DataSource, language: str, pivot: str) -> bool:
    """Whether there is text of a language: with {language} in its path some languages may lack the file."""
    if not source.path:
        return False
    path = Path(fill(source.path, language, pivot))
    return "{language}" not in source.path or not path.suffix or path.is_file()


def as_list(value: list[str] | str) -> list[str]:
    """A list as it is written in YAML, or separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else list(value)


def language_codes(value: list[str] | str) -> list[str]:
    """The languages of a list.

    Raises:
        AdaptersHubError: a code is none.
    """
    return [check_language(code) for code in as_list(value)]
