"""Read texts and pairs with `datasets`: memory-mapped and cleaned, with row counts in the log.

The codes `language` and `pivot` (ISO 639-3) replace `{language}` and `{pivot}` in the values of a source.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from datasets import Dataset, Features, Value, concatenate_datasets, load_dataset
from datasets.exceptions import DatasetNotFoundError

from trainer.data.cleaning import clean, within_limits, without_left_out
from trainer.data.columns import Form, check_text, find_columns, form_of_width
from trainer.data.errors import DataError
from trainer.data.files import FORMATS, load_file
from trainer.data.text_files import OPENERS
from trainer.settings import DataSource, fill

logger = logging.getLogger(__name__)

_NEGATIVE = ("negative",)
_PARAPHRASES = (
    Form(("pivot anchor", "pivot positive", "anchor", "positive")),
    Form(("pivot anchor", "pivot positive", "pivot negative", "anchor", "positive", "negative")),
)
"""Forms of paraphrases given in both languages, in four or six columns."""
_LABEL = Form(("label",))


def load_text(source: DataSource, language: str, pivot: str) -> Dataset:
    """Sentences of one language.

    Returns:
        A dataset with the column `text`, without empty texts and exact duplicates.

    Raises:
        DataError: the data is missing, unreadable or empty.
    """
    form = Form(("text",), aliases=((language, "text"),))
    data = _load(source, language, pivot, [form], any_number=True, alone=True)
    columns = data.column_names
    if len(columns) > 1:
        data = concatenate_datasets([data.select_columns([name]).rename_column(name, "text") for name in columns])
    elif columns != ["text"]:
        data = data.rename_column(columns[0], "text")
    return clean(data, ("text",), f"{language} text", source, _labels(source, language, pivot, len(data)))


def load_pairs(source: DataSource, language: str, pivot: str, names: Sequence[str]) -> Dataset:
    """Pairs of sentences, some or all with a hard negative; `names` are for the two or three columns to read.

    Returns:
        A dataset with the columns `names`, without rows that have an empty sentence or the same sentence twice, and
        without exact duplicates. A missing third column is empty.

    Raises:
        DataError: the data is missing, unreadable or empty, or has other columns.
    """
    texts = (*names, *_NEGATIVE)[:3]
    forms = [Form(texts, texts[2:], _codes(texts, language, pivot))]
    if language == pivot and names[0] != "anchor":  # pairs of the pivot with itself are paraphrases
        forms.append(Form(("anchor", "positive", "negative"), _NEGATIVE))
    data = _load(source, language, pivot, forms)
    if len(names) == 2:
        data = data.select_columns(data.column_names[:2])
    data = _named(data, names)
    return clean(data, names[:2], f"{language} pairs", source, _labels(source, language, pivot, len(data)), names[2:])


def load_cross_lingual(source: DataSource, language: str, pivot: str, names: Sequence[str]) -> Dataset:
    """Cross-lingual paraphrases between the pivot and a language, some or all with hard negatives.

    The data has either two or three columns: a sentence of the pivot, its paraphrase in the language, and optionally a
    hard negative in the language. The anchor may then be in either language. Or it has four or six columns, with
    paraphrases in both languages: anchor, positive and optionally a hard negative in the pivot, then the same in the
    language.

    Returns:
        Like `load_pairs`, with six columns: `names` are for the anchor, positive and negative in the pivot, and then in
        the language. Missing negatives are empty.

    Raises:
        DataError: the data is missing, unreadable or empty, or has other columns.
    """
    pair = ("pivot", "target", "negative")
    across = Form(pair, _NEGATIVE, _codes(pair, language, pivot))
    data = _load(source, language, pivot, [across, *_PARAPHRASES])
    form = next(form.texts for form in (across, *_PARAPHRASES) if len(data.column_names) <= len(form.texts))
    data = _named(data, form)
    required = [name for name in form if "negative" not in name]
    optional = [name for name in form if "negative" in name]
    labels = _labels(source, language, pivot, len(data))
    data = clean(data, required, f"{language} paraphrases", source, labels, optional)
    if form == pair:
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
    """Rename the columns in order; a name without a column becomes a column of empty texts."""
    for old, new in zip(data.column_names, names, strict=False):
        data = data.rename_column(old, f"_{new}")
    for name in data.column_names:
        data = data.rename_column(name, name.removeprefix("_"))
    for name in names[len(data.column_names) :]:
        data = data.add_column(name, [""] * len(data))  # type: ignore[call-arg]
    return data


def load_first(source: DataSource, language: str, pivot: str) -> Dataset:
    """Sentences of one language, from text or from the first sentences of pairs.

    Returns:
        A dataset like that of `load_text`.

    Raises:
        DataError: the data is missing, unreadable or empty.
    """
    texts = ("text", "pair", "negative")
    forms = [
        Form(texts, texts[1:], ((language, "text"),)),
        Form(("anchor", "positive", "negative"), _NEGATIVE),
    ]
    data = _load(source, language, pivot, forms, alone=True)
    data = data.select_columns(data.column_names[:1]).rename_columns({data.column_names[0]: "text"})
    return clean(data, ("text",), f"{language} sentences", source, _labels(source, language, pivot, len(data)))


def load_words(source: DataSource, language: str, pivot: str) -> list[tuple[str, str]]:
    """Words of the pivot and their translations, as the data gives them.

    Raises:
        DataError: the data is missing or unreadable, has other columns, or a row lacks its word or translation.
    """
    data = _load(source, language, pivot, [Form(("word", "translation"))])
    rows = list(zip(*(data[name] for name in data.column_names), strict=True))
    for number, (word, translation) in enumerate(rows, start=1):
        if not word or not translation:
            where = fill(source.path, language, pivot)
            raise DataError(
                f"{where}, row {number}: expected a word and its translation, found {word or translation!r} alone"
            )
    labels = _labels(source, language, pivot, len(rows))
    kept = within_limits(without_left_out(np.arange(len(rows)), source, labels), source, labels)
    return [rows[row] for row in kept]


def _labels(source: DataSource, language: str, pivot: str, rows: int) -> list[str] | None:
    """The group label of each row, if the recipe chooses rows by them."""
    if source.group_limit is None and not source.leave_out:
        return None
    if not source.groups:
        setting = "leave_out" if source.leave_out else "group_limit"
        raise DataError(f"{setting} needs groups: name the file with a label for each row of {source.path!r}")
    path = Path(fill(source.groups, language, pivot))
    if not path.exists():
        raise DataError(f"groups file {str(path)!r} does not exist (for language {language!r}): check the recipe")
    labels = labels_of(path)
    if len(labels) != rows:
        raise DataError(f"{path}: expected a label for each of the {rows} rows of the data, found {len(labels)}")
    return labels


def labels_of(path: Path) -> list[str]:
    """The group labels in a file, which has a single column.

    Raises:
        DataError: the file is missing or unreadable, or has several columns.
    """
    data = load_file(path, None, [_LABEL])
    (name,) = find_columns(path, data.column_names, [_LABEL], alone=True)
    labels: list[str] = data[name]
    return labels


def _codes(texts: Sequence[str], language: str, pivot: str) -> tuple[tuple[str, str], ...]:
    """The language codes as aliases of the column names `pivot` and `target`."""
    if language == pivot or tuple(texts[:2]) != ("pivot", "target"):
        return ()
    return (pivot, "pivot"), (language, "target")


def _load(
    source: DataSource, language: str, pivot: str, forms: Sequence[Form], any_number: bool = False, alone: bool = False
) -> Dataset:
    """The text columns of a source, in the order of the recipe or of the form that they have, as strings.

    With `any_number` a recipe may name any number of columns; with `alone` a table's only column may have any name.
    """
    where = fill(source.path, language, pivot)
    if not where:
        raise DataError(f"no data for {language!r}: set the path of its data ({forms[0]}) in the recipe")
    columns = [fill(name, language, pivot) for name in source.columns] if source.columns else None
    path = Path(where)
    looks_local = path.suffix in (*FORMATS, *OPENERS) or where.startswith((".", "/", "~"))
    if path.exists() and not path.is_dir():
        data = load_file(path, columns, forms)
    elif looks_local:
        raise DataError(f"data file {where!r} does not exist (for language {language!r}): check the path in the recipe")
    else:
        data = _load_from_hub(where, source)
    names = find_columns(where, data.column_names, forms, alone) if columns is None else columns
    if columns is not None:
        _check_named(where, columns, data.column_names, forms, any_number)
    check_text(where, data.features, names)
    return data.select_columns(names)


def _check_named(
    where: str, columns: Sequence[str], there: Sequence[str], forms: Sequence[Form], any_number: bool
) -> None:
    """Refuse a recipe's columns if they are missing in the data, repeated, too many or too few."""
    form = form_of_width(len(columns), forms) or forms[0]
    if len(columns) > len(form.texts) and not any_number:
        raise DataError(f"{where}: expected the columns {form}; 'columns' names {len(columns)}: name fewer")
    if len(set(columns)) < len(columns):
        raise DataError(f"{where}: expected different columns, found {', '.join(columns)}: name each one once")
    if any(name not in there for name in columns) or len(columns) < len(form.required):
        wanted = ", ".join(columns) if len(columns) >= len(form.required) else str(form)
        raise DataError(
            f"{where}: expected the columns {wanted}; found {', '.join(there)}: name the right ones under 'columns'"
        )


def _load_from_hub(name: str, source: DataSource) -> Dataset:
    if Path(name).exists():  # `load_dataset` would read whatever the folder holds
        raise DataError(f"{name} is a folder: name a file in it, or a Hub dataset whose name is not that of a folder")
    try:
        return cast(Dataset, load_dataset(name, source.subset, split=source.split))
    except (DatasetNotFoundError, ConnectionError, OSError, ValueError) as error:
        raise DataError(
            f"there is no readable file or Hub dataset {name!r} ({str(error).splitlines()[0]}): check the path"
        ) from error
