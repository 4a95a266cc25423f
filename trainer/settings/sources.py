"""Data sources, and helpers that read values of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters_hub.languages import check_language


@dataclass
class DataSource:
    """A source of training text. {language} and {pivot} are replaced by the language codes in every value.

    Args:
        path: A file (.txt .tsv .csv .jsonl .parquet, also compressed as .xz or .gz) or the name of a Hub dataset.
        columns: Names of the columns to use, in order; a TSV or CSV file must then have a header line. Without it, TSV
            and CSV files have no header line, and the columns of other tables are found by name: text, or anchor,
            positive and negative, or pivot and target. Where text of one language is read, every named column is used
            as text.
        subset: Configuration of a Hub dataset.
        split: Split of a Hub dataset.
        limit: Use at most this many rows.
        groups: File with one label per line for each row, such as its origin or style.
        group_limit: Use at most this many rows with the same label, so that no style dominates.
        name: Name of the data on the module's card. By default the name of the dataset or file.
        license: Licence of the data, for the card.
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
    """A list of sources, also where only one is given."""
    return list(sources) if isinstance(sources, list) else [sources]


def fill(template: str, language: str, pivot: str) -> str:
    """Replace `{language}` and `{pivot}` by the language codes."""
    return template.replace("{language}", language).replace("{pivot}", pivot)


def has_data(source: DataSource, language: str, pivot: str) -> bool:
    """Whether there is data for a language; where the path contains `{language}`, a language may lack the file."""
    if not source.path:
        return False
    path = Path(fill(source.path, language, pivot))
    return "{language}" not in source.path or not path.suffix or path.is_file()


def as_list(value: list[str] | str) -> list[str]:
    """A list given as a YAML list, or as text separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else list(value)


def language_codes(value: list[str] | str) -> list[str]:
    """The language codes of a list, checked.

    Raises:
        AdaptersHubError: a code is not valid.
    """
    return [check_language(code) for code in as_list(value)]
