"""The shards of an encoded corpus: what they are made of, which of them are finished, and whether they are intact.

A shard's own metadata identifies it, and its pages have checksums, so that what a full disk or a power cut leaves
behind is not taken for a finished shard.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adapters_hub.errors import AdaptersHubError, InputTextError
from adapters_hub.folders import sha256, write_text
from adapters_hub.json_files import parse_json
from adapters_hub.reading import check_regular

logger = logging.getLogger(__name__)

FACTS_FILE = "_encoding.json"  # readers of Parquet folders ignore names that begin with an underscore
_IDENTITY = b"adapters_hub.encoding"


def parquet_files(inputs: Sequence[Path]) -> list[Path]:
    """The given files, and the `.parquet` files in the given folders whose names do not begin with a dot or underscore.

    Raises:
        InputTextError: a path is not a plain file, or there are no files.
    """
    files: list[Path] = []
    for given in inputs:
        if given.is_dir():
            files += [path for path in sorted(given.glob("*.parquet")) if not path.name.startswith((".", "_"))]
        else:
            files.append(given)
    for path in files:
        try:
            check_regular(path)
        except AdaptersHubError as error:
            raise InputTextError(str(error)) from error
    if not files:
        raise InputTextError(f"no .parquet file in {', '.join(map(str, inputs)) or 'nothing'}")
    return files


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse a table in which two columns have the same name, since they cannot be told apart.

    Raises:
        InputTextError: two columns have the same name.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputTextError(f"{path}: two columns are called {twice[0]!r}: give each its own name")


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn errors of reading Parquet into one that names the file.

    Raises:
        InputTextError: the file cannot be read.
    """
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise InputTextError(f"{path} cannot be read as Parquet ({str(error).partition(chr(10))[0]})") from error


class Unchanged:
    """An input file in the state in which its digest was computed.

    Args:
        path: the file.

    Raises:
        InputTextError: the file cannot be read, or changes while it is read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with readable(path):
            self._state = _state(path)
            self.digest = sha256(path)
        self.check()

    def check(self) -> None:
        """Refuse to go on if the file is no longer the same.

        Raises:
            InputTextError: the file was changed or replaced.
        """
        with readable(self.path):
            changed = _state(self.path) != self._state
        if changed:
            raise InputTextError(
                f"{self.path} was changed while it was encoded: start again, with another --output to encode the new "
                "content"
            )


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@dataclass(frozen=True)
class Shard:
    """A range of rows of one file."""

    number: int
    path: Path
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Name of the file with its vectors."""
        return f"part-{self.number:06d}.parquet"

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Read its rows, and only the row groups that contain them.

        Raises:
            InputTextError: the file cannot be read.
        """
        with readable(self.path):
            file = pq.ParquetFile(self.path)
            ends = np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
            first, last = np.searchsorted(ends, [self.start, self.stop - 1], side="right")
            table = file.read_row_groups(list(range(first, last + 1)), columns=list(columns))
        return table.slice(self.start - (int(ends[first - 1]) if first else 0), self.stop - self.start)

    def write(self, table: pa.Table, output: Path, facts: Mapping[str, Any]) -> None:
        """Write its vectors, whole or not at all.

        Raises:
            AdaptersHubError: the disk cannot take them.
        """
        path = output / self.name
        unfinished = path.with_name(f".{path.name}.unfinished")
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _IDENTITY: self._identity(facts)})
        try:
            pq.write_table(table, unfinished, write_page_checksum=True)
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise AdaptersHubError(
                f"{path} cannot be written ({error.strerror or error}): free some space and start again; finished "
                "shards are kept"
            ) from error

    def is_finished(self, output: Path, facts: Mapping[str, Any]) -> bool:
        """Whether its vectors are written, and every byte of them is intact.

        Raises:
            AdaptersHubError: the file holds something else.
        """
        path = output / self.name
        if not path.is_file():
            return False
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                found = (file.schema_arrow.metadata or {}).get(_IDENTITY)
                rows = sum(len(batch) for batch in file.iter_batches())
        except (OSError, pa.ArrowException) as error:
            logger.warning("%s is damaged (%s): it is encoded again", path, str(error).partition("\n")[0])
            return False
        if found != self._identity(facts) or rows != self.stop - self.start:
            raise AdaptersHubError(f"{path} belongs to another encoding: choose another --output, or delete it")
        return True

    def _identity(self, facts: Mapping[str, Any]) -> bytes:
        text = json.dumps([self.number, self.start, self.stop, facts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest().encode()


def identity(schema: pa.Schema) -> str | None:
    """What identifies a finished shard and everything in it; None if the file is no shard."""
    found = (schema.metadata or {}).get(_IDENTITY)
    return found.decode() if found else None


def shards_of(files: Sequence[Path], rows: int) -> list[Shard]:
    """Cut files into shards of at most `rows` rows.

    Raises:
        InputTextError: a file cannot be read.
    """
    shards: list[Shard] = []
    for path in files:
        with readable(path):
            total = pq.read_metadata(path).num_rows
        for start in range(0, total, rows):
            shards.append(Shard(len(shards), path, start, min(start + rows, total)))
    return shards


def begin(output: Path, facts: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
    """Record what is encoded into a folder, or refuse to mix it with something else.

    Args:
        output: the folder.
        facts: what identifies the encoding, in JSON's own types.
        notes: what else is recorded; it may differ when the encoding is continued.

    Raises:
        AdaptersHubError: the folder holds something else, or cannot be written.
    """
    path = output / FACTS_FILE
    found = _recorded(path)
    if found is not None:
        if changed := [name for name in facts if found.get(name) != facts[name]]:
            name = changed[0]
            raise AdaptersHubError(
                f"{output} was begun with {name} {found.get(name)!r:.100}, now {facts[name]!r:.100}: choose another "
                "--output, or delete it"
            )
        return
    if not path.exists() and output.is_dir() and any(output.glob("*.parquet")):
        raise AdaptersHubError(f"{output} holds other Parquet files already: choose another --output")
    write_text(path, json.dumps({**facts, **notes}, indent=2, ensure_ascii=False) + "\n")


def _recorded(path: Path) -> dict[str, Any] | None:
    """What was recorded; None if nothing was or the record is damaged, since the shards also identify themselves."""
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not an object")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise AdaptersHubError(f"{path} cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        logger.warning("%s is damaged (%s): it is written again", path, error)
        return None
    return found
