"""Read files of training data, cached by content, and refuse files that changed since their hash was recorded.

The rows of a file are cached as Arrow files under a key made from its content. So no other file can be read by mistake:
characters in a file name are never treated as a glob pattern, and files with the same date are not confused.
"""

from __future__ import annotations

import csv
import glob
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow.parquet as pq
from datasets import Dataset, Features, Value, concatenate_datasets, load_dataset

from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import cache_folder, sha256, write_folder
from adapters_hub.json_files import parse_json
from adapters_hub.reading import check_regular
from trainer.data.columns import Form, refuse_header, width_of
from trainer.data.errors import DataError
from trainer.data.text_files import OPENERS, file_format

logger = logging.getLogger(__name__)

FORMATS = {".txt": "text", ".tsv": "csv", ".csv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
_SEPARATORS = {".tsv": "\t", ".csv": ","}
_MARK = "\ufeff"
"""The byte order mark that some editors write at the start of a UTF-8 file."""
_FACTS = "facts.json"
_VERSION = 1
"""Version of the cached form of a file; a new version makes every file be read again."""
_recorded: ContextVar[Mapping[str, str] | None] = ContextVar("recorded", default=None)


@contextmanager
def as_recorded(settings: Mapping[str, Any] | Sequence[Any]) -> Iterator[None]:
    """Within this context, refuse files whose hash differs from the one in settings from `trainer.runs.identity`."""
    token = _recorded.set(dict(_digests(settings)))
    try:
        yield
    finally:
        _recorded.reset(token)


def _digests(values: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """The absolute path and SHA-256 of every file in the settings."""
    if isinstance(values, Mapping):
        for name, digest in (("path", "sha256"), ("groups", "groups_sha256")):
            if digest in values:
                yield os.path.abspath(values[name]), values[digest]  # noqa: PTH100
        values = list(values.values())
    if isinstance(values, list):
        for value in values:
            yield from _digests(value)


def load_file(path: Path, columns: Sequence[str] | None, forms: Sequence[Form]) -> Dataset:
    """All rows of a file, unchanged.

    Args:
        path: a .txt, .tsv, .csv, .jsonl, .json or .parquet file, optionally compressed as .xz, .gz or .bz2.
        columns: the columns that the header line of a TSV or CSV file must name; None if it has no header line.
        forms: the forms that a table without a header line may have.

    Raises:
        DataError: the file is empty or unreadable, has other columns, or has changed since its hash was recorded.
    """
    form = file_format(path.name)
    if form not in FORMATS:
        raise DataError(f"{path}: unknown format; expected one of {' '.join(FORMATS)}, also as .xz or .gz")
    try:
        digest = sha256(check_regular(path))
    except AdaptersHubError as error:
        raise DataError(str(error)) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
    wanted = (_recorded.get() or {}).get(os.path.abspath(path), digest)  # noqa: PTH100
    if digest != wanted:
        raise DataError(
            f"{path} was replaced after this run had begun (SHA-256 {wanted[:16]}, now {digest[:16]}): start the same "
            "command again to train from scratch on the new file"
        )
    key = hashlib.sha256(repr((_VERSION, digest, path.suffix, form, columns, list(forms))).encode()).hexdigest()[:32]
    folder = cache_folder() / "data" / key
    if (known := _kept(folder, key)) is not None:
        return known
    try:
        with write_folder(folder, replace=True) as unfinished:
            _prepare(path, digest, columns, forms, unfinished)
    except DataError:
        raise
    except AdaptersHubError as error:
        raise DataError(f"{error}; set MSE_CACHE to use another cache folder") from error
    made = _kept(folder, key)
    assert made is not None
    return made


def _kept(folder: Path, key: str) -> Dataset | None:
    """The cached rows of a file; None if there are none or they are damaged."""
    try:
        files = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        if any(sha256(folder / name) != digest for name, digest in files.items()):
            raise ValueError("a file has changed")
        parts = [Dataset.from_file(str(folder / name)) for name in files]
    except FileNotFoundError:
        return None
    except Exception as error:  # Arrow raises many kinds of exception
        logger.warning("%s is damaged (%s): making it again", folder, str(error).partition("\n")[0])
        return None
    data = concatenate_datasets(parts) if len(parts) > 1 else parts[0]
    data._fingerprint = key  # from the content alone; `datasets` derives cache names from it
    return data


def _prepare(path: Path, digest: str, columns: Sequence[str] | None, forms: Sequence[Form], folder: Path) -> None:
    """Write the rows of a file to a folder as Arrow files, with their hashes."""
    form, work = file_format(path.name), folder / "work"
    copy = work / f"data{form}"
    work.mkdir()
    try:
        _copy(path, digest, copy)
        if not copy.stat().st_size:  # some readers of datasets fail on an empty file without a message
            raise DataError(f"{path} is empty: expected lines with {forms[0]}")
        options = _options(path, copy, columns, forms)
        data = cast(
            Dataset,
            load_dataset(
                FORMATS[form],
                data_files=glob.escape(str(copy)),
                split="train",
                cache_dir=str(work),
                keep_in_memory=False,
                **options,
            ),
        )
        first = _first_line(copy) if form in (".txt", ".tsv") else ""
        if first.startswith(_MARK) or first.endswith("\r\n"):  # written by editors on Windows
            data = data.map(_without_marks, batched=True)
    except DataError:
        raise
    except Exception as error:  # the readers raise exceptions of datasets, pandas and pyarrow
        for cause in (error, error.__cause__):
            if isinstance(cause, OSError) and cause.errno is not None:
                raise cause from None  # an error of the disk
        raise DataError(_told(path, copy, error)) from error
    files = {}
    for number, kept in enumerate(data.cache_files):
        name = f"data-{number:05d}.arrow"
        shutil.move(kept["filename"], folder / name)
        files[name] = sha256(folder / name)
    del data
    shutil.rmtree(work)
    (folder / _FACTS).write_text(json.dumps(files), encoding="utf-8")


def _told(path: Path, copy: Path, error: Exception) -> str:
    cause = error.__cause__ or error
    why = (str(cause) or repr(cause)).splitlines()[0].replace(str(copy), str(path))
    hint = ": save it as UTF-8, or convert it with iconv" if isinstance(cause, UnicodeDecodeError) else ""
    return f"{path} cannot be read as {file_format(path.name)[1:]}: {why}{hint}"


def _copy(path: Path, digest: str, copy: Path) -> None:
    """Copy a file, decompressed, and check that its bytes still have the given digest.

    Raises:
        DataError: the file changed meanwhile.
    """
    with OPENERS.get(path.suffix, open)(path, "rb") as file, copy.open("wb") as target:
        shutil.copyfileobj(file, target, 1 << 20)
    if sha256(path) != digest:
        raise DataError(f"{path} was changed while it was read: start again when it is complete")


def _check_json(copy: Path) -> None:
    """Refuse a file that is not JSON, or nested so deeply that Arrow's parser would crash.

    Raises:
        ValueError: the file is refused; names the line if it has one object per line.
    """
    if copy.suffix == ".json":  # it may hold one document, or one object per line
        try:
            parse_json(copy.read_text(encoding="utf-8-sig"))
            return
        except json.JSONDecodeError as error:
            if not error.msg.startswith("Extra data"):
                raise
    with copy.open("rt", encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            try:
                if line.strip():
                    parse_json(line)
            except ValueError as error:
                raise ValueError(
                    f"line {number}: {error}"
                ) from None  # with a cause, the message would show only the cause


def _without_marks(batch: dict[str, list[str | None]]) -> dict[str, list[str | None]]:
    return {name: [text and text.removeprefix(_MARK).removesuffix("\r") for text in batch[name]] for name in batch}


def _first_line(path: Path) -> str:
    """The text up to the first line feed; a carriage return may be part of a sentence."""
    with path.open("rt", encoding="utf-8", newline="\n") as file:
        return file.readline()


def _options(path: Path, copy: Path, columns: Sequence[str] | None, forms: Sequence[Form]) -> dict[str, Any]:
    """The options of `load_dataset` for a file."""
    form = copy.suffix
    if FORMATS[form] == "json":
        _check_json(copy)
    elif form == ".parquet":
        names = pq.read_schema(copy).names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(f"{path}: two columns are called {twice[0]!r}: give each its own name")
    return _table_options(path, copy, _SEPARATORS[form], columns, forms) if form in _SEPARATORS else {}


def _table_options(
    path: Path, copy: Path, separator: str, columns: Sequence[str] | None, forms: Sequence[Form]
) -> dict[str, Any]:
    """The options for reading a TSV or CSV file with pandas: every column as a string, quotes only in CSV."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL  # type: ignore[assignment]
    if separator == "\t":
        quoting = csv.QUOTE_NONE  # type: ignore[assignment]
        first = _first_line(copy).removeprefix(_MARK).rstrip("\r\n").split(separator)
    else:
        with copy.open("rt", encoding="utf-8-sig", newline="") as file:
            first = next(csv.reader(file), [])
    if first in ([], [""]):
        raise DataError(f"{path} is empty: expected lines with {forms[0]}")
    if columns:
        if missing := [name for name in columns if name not in first]:
            raise DataError(
                f"{path}: expected the columns {', '.join(columns)}; its header line has {', '.join(first)} "
                f"(missing: {', '.join(missing)})"
            )
        names, header = first, 0
    else:
        refuse_header(path, first, forms)
        names, header = list(width_of(path, len(first), forms)), None
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
