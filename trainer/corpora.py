"""Read text and pairs through `datasets`: memory-mapped, cleaned, counted."""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import logging
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
from datasets import Dataset, Features, Value, concatenate_datasets, load_dataset
from datasets.exceptions import DatasetNotFoundError

from adapters_hub.errors import AdaptersHubError
from adapters_hub.texts import canonical
from trainer.settings import DataSource, fill

logger = logging.getLogger(__name__)

_OPENERS: dict[str, Callable[..., IO[Any]]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
_FORMATS = {".txt": "text", ".tsv": "csv", ".csv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
_SEPARATORS = {".tsv": "\t", ".csv": ","}
_MARK = "\ufeff"
"""The byte order mark, which some editors put before UTF-8."""
_CROSS_LINGUAL = (
    ("pivot", "target", "negative"),
    ("pivot anchor", "pivot positive", "anchor", "positive"),
    ("pivot anchor", "pivot positive", "pivot negative", "anchor", "positive", "negative"),
)
"""The forms of paraphrases across two languages."""


class DataError(AdaptersHubError):
    """Training data that is missing, unreadable or has other columns than expected."""


def load_text(source: DataSource, language: str, pivot: str) -> Dataset:
    """Sentences of one language.

    Returns:
        A dataset with the column `text`: stripped, not empty, no exact duplicates.

    Raises:
        DataError: the data is missing, unreadable or empty.
    """
    data = _load(source, language, pivot, expected=("text",), at_least=1, any_number=True)
    columns = data.column_names
    if len(columns) > 1:
        data = concatenate_datasets([data.select_columns([name]).rename_column(name, "text") for name in columns])
    elif columns != ["text"]:
        data = data.rename_column(columns[0], "text")
    return _clean(data, ("text",), f"{language} text", source, _labels(source, language, pivot, len(data)))


def load_pairs(source: DataSource, language: str, pivot: str, names: Sequence[str]) -> Dataset:
    """Pairs of sentences, some or all with a hard negative.

    Args:
        source: where they are.
        language: fills `{language}`.
        pivot: fills `{pivot}`.
        names: what to call the two or three columns that are taken; the third is optional in the data.

    Returns:
        A dataset with the columns `names` (the third is empty where there is none): no row with an empty or twice the
        same sentence, no exact duplicates.

    Raises:
        DataError: the data is missing, unreadable or empty, or has other columns.
    """
    data = _load(source, language, pivot, expected=(*names, "negative")[:3], at_least=2)
    if len(names) == 2:
        data = data.select_columns(data.column_names[:2])
    data = _named(data, names)
    return _clean(data, names[:2], f"{language} pairs", source, _labels(source, language, pivot, len(data)), names[2:])


def load_cross_lingual(source: DataSource, language: str, pivot: str, names: Sequence[str]) -> Dataset:
    """Paraphrases across the pivot and a language, some or all with hard negatives.

    The data has either two or three columns: a sentence of the pivot, a paraphrase of it in the language, and perhaps a
    hard negative in the language. Either may then be the anchor. Or it has whole paraphrases in both languages, in four
    or six columns: anchor, positive and perhaps a hard negative in the pivot, then the same in the language.

    Args:
        source: where they are.
        language: fills `{language}`.
        pivot: fills `{pivot}`.
        names: what to call anchor, positive and negative of the pivot, and then of the language.

    Returns:
        As `load_pairs`, with these six columns; a negative that is not there is empty.

    Raises:
        DataError: likewise.
    """
    pair, *wider = _CROSS_LINGUAL
    data = _load(source, language, pivot, expected=pair, at_least=2, wider=wider)
    form = next(form for form in _CROSS_LINGUAL if len(data.column_names) <= len(form))
    data = _named(data, form)
    required = [name for name in form if "negative" not in name]
    optional = [name for name in form if "negative" in name]
    labels = _labels(source, language, pivot, len(data))
    data = _clean(data, required, f"{language} paraphrases", source, labels, optional)
    if form is pair:
        taken = ("pivot", "pivot", "", "target", "target", "negative")
    else:
        half = len(form) // 2
        missing = ("",) * (3 - half)
        taken = (*form[:half], *missing, *form[half:], *missing)  # type: ignore[assignment]
    nothing = Dataset.from_dict({"": [""] * len(data)}, features=Features({"": Value("string")}))
    parts = [
        (data.select_columns([column]) if column else nothing).rename_column(column, name)
        for column, name in zip(taken, names, strict=True)
    ]
    return concatenate_datasets(parts, axis=1)


def _named(data: Dataset, names: Sequence[str]) -> Dataset:
    """The columns under other names, in their order; those that are missing are empty."""
    for old, new in zip(data.column_names, names, strict=False):
        data = data.rename_column(old, f"_{new}")
    for name in data.column_names:
        data = data.rename_column(name, name.removeprefix("_"))
    for name in names[len(data.column_names) :]:
        data = data.add_column(name, [""] * len(data))  # type: ignore[call-arg]
    return data


def load_first(source: DataSource, language: str, pivot: str) -> Dataset:
    """Sentences of one language: text, or the first sentence of each of some pairs.

    Returns:
        As `load_text`.

    Raises:
        DataError: the data is missing, unreadable or empty.
    """
    data = _load(source, language, pivot, expected=("text", "pair", "negative"), at_least=1)
    data = data.select_columns(data.column_names[:1]).rename_columns({data.column_names[0]: "text"})
    return _clean(data, ("text",), f"{language} sentences", source, _labels(source, language, pivot, len(data)))


def load_words(source: DataSource, language: str, pivot: str) -> list[tuple[str, str]]:
    """Words of the pivot and their translations, as they are in the data.

    Raises:
        DataError: the data is missing or unreadable, or has other columns, or a row has no translation.
    """
    data = _load(source, language, pivot, expected=("word", "translation"), at_least=2)
    rows = list(zip(*(data[name] for name in data.column_names), strict=True))
    for number, (word, translation) in enumerate(rows, start=1):
        if not word or not translation:
            where = fill(source.path, language, pivot)
            raise DataError(
                f"{where}, row {number}: expected a word and its translation, found {word or translation!r} alone"
            )
    kept = _within_limits(np.arange(len(rows)), source, _labels(source, language, pivot, len(rows)))
    return [rows[row] for row in kept]


def _labels(source: DataSource, language: str, pivot: str, rows: int) -> list[str] | None:
    """What each row was taken from, if the recipe says where that is written and wants it limited."""
    if source.group_limit is None:
        return None
    if not source.groups:
        raise DataError(f"group_limit needs groups: the file with a label for each row of {source.path!r}")
    path = Path(fill(source.groups, language, pivot))
    if not path.is_file():
        raise DataError(f"file of groups {str(path)!r} does not exist (for language {language!r}): check the recipe")
    labels: list[str] = load_file(path, None, ("label",))["text"]
    if len(labels) != rows:
        raise DataError(f"{path}: expected a label for each of the {rows} rows of the data, found {len(labels)}")
    return labels


def _load(
    source: DataSource,
    language: str,
    pivot: str,
    expected: Sequence[str],
    at_least: int,
    any_number: bool = False,
    wider: Sequence[Sequence[str]] = (),
) -> Dataset:
    """The chosen columns, in the order asked for, as strings.

    Args:
        source: where they are.
        language: fills `{language}`.
        pivot: fills `{pivot}`.
        expected: what the columns hold; the last one may be missing.
        at_least: how many there must be.
        any_number: take all columns that are named.
        wider: what they may hold instead, where there are exactly as many.
    """
    where = fill(source.path, language, pivot)
    if not where:
        raise DataError(f"no data for {language!r}: set the path of its data ({', '.join(expected)}) in the recipe")
    columns = [fill(name, language, pivot) for name in source.columns] if source.columns else None
    path = Path(where)
    looks_local = path.suffix in (*_FORMATS, *_OPENERS) or where.startswith((".", "/", "~"))
    if path.is_file():
        data = load_file(path, columns, expected, wider)
    elif looks_local:
        raise DataError(f"data file {where!r} does not exist (for language {language!r}): check the path in the recipe")
    else:
        data = _load_from_hub(where, source)
    expected = _form(len(columns or data.column_names), expected, wider)
    names = columns or data.column_names[: len(expected)]
    if len(names) > len(expected) and not any_number:
        raise DataError(
            f"{where}: expected the columns {', '.join(expected)}; 'columns' names {len(names)}: name fewer"
        )
    if len(set(names)) < len(names):
        raise DataError(f"{where}: expected different columns, found {', '.join(names)}: name each one once")
    missing = [name for name in names if name not in data.column_names]
    if missing or len(names) < at_least:
        wanted = ", ".join(columns or expected[:at_least])
        raise DataError(
            f"{where}: expected the columns {wanted}; found {', '.join(data.column_names)}: "
            "name the right ones under 'columns'"
        )
    for name in names:
        kind = getattr(data.features[name], "dtype", type(data.features[name]).__name__)
        if kind not in ("string", "large_string", "null"):
            raise DataError(f"{where}: the column {name} holds {kind}, not text: name those to take under 'columns'")
    return data.select_columns(names)


def _form(width: int, expected: Sequence[str], wider: Sequence[Sequence[str]]) -> Sequence[str]:
    """What a table of so many columns holds."""
    return next((form for form in wider if len(form) == width), expected)


def _load_from_hub(name: str, source: DataSource) -> Dataset:
    try:
        return cast(Dataset, load_dataset(name, source.subset, split=source.split))
    except (DatasetNotFoundError, ConnectionError, OSError, ValueError) as error:
        raise DataError(
            f"no file and no Hub dataset {name!r} can be read ({str(error).splitlines()[0]}): check the path"
        ) from error


def load_file(
    path: Path, columns: list[str] | None, expected: Sequence[str], wider: Sequence[Sequence[str]] = ()
) -> Dataset:
    """All rows of a file, as they are.

    Args:
        path: .txt .tsv .csv .jsonl .parquet, also as .xz or .gz of these.
        columns: that a TSV or CSV file must have; it then has a header line. None: it has none.
        expected: what to call the columns of a table without a header line; the last may be missing.
        wider: what to call them instead in a table that has exactly as many.

    Raises:
        DataError: the file is empty, unreadable or has other columns.
    """
    suffix = path.with_suffix("").suffix if path.suffix in _OPENERS else path.suffix
    if suffix not in _FORMATS:
        raise DataError(f"{path}: unknown format; expected one of {' '.join(_FORMATS)}, also as .xz or .gz")
    options: dict[str, Any] = {}
    try:
        with _OPENERS.get(path.suffix, open)(path, "rb") as file:
            if not file.read(1):  # some readers of datasets fail on it without a word
                raise DataError(f"{path} is empty: expected lines with {', '.join(expected)}")
        if suffix in _SEPARATORS:
            options = _table_options(path, _SEPARATORS[suffix], columns, expected, wider)
        loaded = cast(Dataset, load_dataset(_FORMATS[suffix], data_files=str(path), split="train", **options))
        first = _first_line(path) if suffix in (".txt", ".tsv") else ""
        if first.startswith(_MARK) or first.endswith("\r\n"):  # as editors on Windows write
            loaded = loaded.map(_without_marks, batched=True)
    except DataError:
        raise
    except Exception as error:  # the readers of datasets raise their own and pandas' and pyarrow's exceptions
        cause = error.__cause__ or error
        told = (str(cause) or repr(cause)).splitlines()[0]
        raise DataError(f"{path} cannot be read as {suffix[1:]}: {told}") from error
    return loaded


def _without_marks(batch: dict[str, list[str | None]]) -> dict[str, list[str | None]]:
    return {name: [text and text.removeprefix(_MARK).removesuffix("\r") for text in batch[name]] for name in batch}


def _first_line(path: Path) -> str:
    """Up to the first line feed: a carriage return may stand inside a sentence."""
    with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8", newline="\n") as file:
        return str(file.readline())


def _table_options(
    path: Path, separator: str, columns: list[str] | None, expected: Sequence[str], wider: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """How pandas is to read a TSV or CSV file: every column a string, quotes only in CSV."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL  # type: ignore[assignment]
    if separator == "\t":
        quoting = csv.QUOTE_NONE  # type: ignore[assignment]
        first = _first_line(path).removeprefix(_MARK).rstrip("\r\n").split(separator)
    else:
        with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            first = next(csv.reader(file), [])
    if first in ([], [""]):
        raise DataError(f"{path} is empty: expected lines with {', '.join(expected)}")
    if columns:
        if missing := [name for name in columns if name not in first]:
            raise DataError(
                f"{path}: expected the columns {', '.join(columns)}; its header line has {', '.join(first)} "
                f"(missing: {', '.join(missing)})"
            )
        names, header = first, 0
    else:
        widths = {max(len(expected) - 1, 1), len(expected), *map(len, wider)}
        expected = _form(len(first), expected, wider)
        if len(first) not in widths:
            raise DataError(
                f"{path}: expected {' or '.join(map(str, sorted(widths)))} columns ({', '.join(expected)}), "
                f"found {len(first)}: name those to take under 'columns'"
            )
        names, header = list(expected), None
    return {
        "sep": separator,
        "header": header,
        "names": names,
        "quoting": quoting,
        "keep_default_na": False,
        "na_values": [],
        "index_col": False,
        "features": Features({name: Value("string") for name in names}),
        "encoding": "utf-8-sig",
        "lineterminator": "\n" if separator == "\t" else None,
    }


def _clean(
    data: Dataset,
    required: Sequence[str],
    what: str,
    source: DataSource,
    labels: list[str] | None,
    optional: Sequence[str] = (),
) -> Dataset:
    """Drop empty rows, pairs of twice the same sentence, duplicates and what is over the limits; say how many.

    Canonically equal sentences are the same.

    Args:
        data: the rows.
        required: columns that must not be empty; the first and the second are a pair, the third and the fourth, …
        what: the data's name in the log.
        source: has the limits.
        labels: from `_labels`.
        optional: columns that may be empty.
    """
    digests = np.zeros(len(data), dtype=np.uint64)
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
            digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
            digests[position] = int.from_bytes(digest, "little")
            position += 1
    rows = np.flatnonzero(usable)
    _, first = np.unique(digests[rows], return_index=True)
    kept = rows[np.sort(first)]
    empty, duplicates = len(data) - len(rows) - identical, len(rows) - len(kept)
    over = len(kept)
    kept = _within_limits(kept, source, labels)
    over -= len(kept)
    notes = [
        f"{count} {name}"
        for count, name in (
            (empty, "empty"),
            (identical, "identical pairs"),
            (duplicates, "duplicates"),
            (over, "over the limit"),
        )
        if count
    ]
    logger.info("%s: %d rows read, %s; %d used", what, len(data), ", ".join(notes) or "none dropped", len(kept))
    if not len(kept):
        raise DataError(f"{what}: nothing usable in {len(data)} rows ({', '.join(notes) or 'the file is empty'})")
    return data.select(kept)


def _within_limits(rows: np.ndarray, source: DataSource, labels: list[str] | None) -> np.ndarray:
    if labels is not None:
        rows = _first_of_each(rows, np.array(labels)[rows], source.group_limit or 0)
    return rows[: source.limit]


def _first_of_each(rows: np.ndarray, labels: np.ndarray, limit: int) -> np.ndarray:
    """Of the rows with the same label the first `limit`, in their order."""
    seen: dict[str, int] = {}
    chosen = np.zeros(len(rows), dtype=bool)
    for place, label in enumerate(labels.tolist()):
        seen[label] = seen.get(label, 0) + 1
        chosen[place] = seen[label] <= limit
    return rows[chosen]
