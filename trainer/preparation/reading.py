"""Raw rows of a source, from files or streamed from the Hub."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from datasets import get_dataset_config_names, load_dataset
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.errors import HfHubHTTPError

from trainer.data.columns import Form
from trainer.data.corpora import labels_of
from trainer.data.errors import DataError, LanguageMissing
from trainer.data.files import load_file
from trainer.preparation.sources import Filling, Kind, Source

logger = logging.getLogger(__name__)

_BUILDERS = {".txt": "text", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
FORMS: dict[Kind, Form] = {
    "text": Form(("text",)),
    "parallel": Form(("pivot", "target")),
    "paraphrase": Form(("anchor", "positive", "negative"), ("negative",)),
}
"""The usual columns of each kind, for sources that do not name their own."""
LABEL = "\x00label"
"""Key of a raw row's label, a name that no column has."""


@dataclass(frozen=True)
class Opened:
    """A source's data in one language, ready to be read.

    Attributes:
        where: path, or data set with its subset or files.
        rows: iterates over the raw rows, each time from the start; raises a DataError if the network fails.
        filling: the values of the source's placeholders.
        revision: commit of the data set.
        files: the local files that it is read from.
    """

    where: str
    rows: Callable[[], Iterator[dict[str, Any]]]
    filling: Filling
    revision: str | None = None
    files: tuple[Path, ...] = field(default=())


def open_source(source: Source, language: str, pivot: str) -> Opened:
    """Find a source's data in a language.

    Raises:
        LanguageMissing: the source has none.
        DataError: the source cannot be read.
    """
    if not source.has(language):
        raise LanguageMissing(f"it has only {', '.join(source.languages or [])}")
    return _open_hub(source, language, pivot) if source.dataset else _open_files(source, language, pivot)


def local_files(source: Source, language: str, pivot: str) -> list[Path]:
    """The files that a local source is read from.

    Raises:
        LanguageMissing: there is no file in the language.
        DataError: the file of groups is missing.
    """
    return _found_files(source, language, pivot)[1]


def _found_files(source: Source, language: str, pivot: str) -> tuple[Filling, list[Path]]:
    filling, path = _first(source, language, pivot, source.path, _existing, "no file")
    groups = [Path(filling(source.groups)).expanduser()] if source.groups else []
    if groups and not groups[0].is_file():
        raise DataError(f"source {source.name}: file of groups {str(groups[0])!r} does not exist")
    return filling, [path, *groups]


def _existing(name: str) -> Path | None:
    path = Path(name).expanduser()
    return path if path.is_file() else None


def _first(
    source: Source, language: str, pivot: str, template: str, find: Callable[[str], Any], what: str
) -> tuple[Filling, Any]:
    """The first filling of a template under which the source has something, and what that is.

    Raises:
        LanguageMissing: there is none; `what` and all that was tried make up the message.
    """
    fillings = list(source.fillings(language, pivot))
    for filling in fillings:
        if found := find(filling(template)):
            return filling, found
    raise LanguageMissing(f"{what} {', '.join(dict.fromkeys(filling(template) for filling in fillings))}")


def _open_files(source: Source, language: str, pivot: str) -> Opened:
    filling, files = _found_files(source, language, pivot)

    def rows() -> Iterator[dict[str, Any]]:
        top = [filling(name).partition(".")[0] for name in columns_of(source)]
        data = load_file(files[0], list(dict.fromkeys(top)) or None, [FORMS[source.kind]])
        if len(files) == 1:
            yield from data
            return
        labels = labels_of(files[1])
        if len(labels) != len(data):
            raise DataError(f"{files[1]}: expected a label for each of the {len(data)} rows, found {len(labels)}")
        for row, label in zip(data, labels, strict=True):
            yield {**row, LABEL: label}

    return Opened(str(files[0]), rows, filling, files=tuple(files))


def columns_of(source: Source) -> list[str]:
    """The names of all columns that are read; empty if the source uses the usual names of its kind."""
    return [*(source.columns or []), *source.where, *([source.key] if source.key else [])]


def _open_hub(source: Source, language: str, pivot: str) -> Opened:
    if Path(source.dataset).exists():
        raise DataError(
            f"source {source.name}: {source.dataset} is also a local file or folder, which would be read instead of "
            "the Hub's data set: run the command in another folder"
        )
    with _explained(source):
        options: dict[str, Any]
        commit = HfApi().dataset_info(source.dataset, revision=source.revision).sha
        if source.files:
            missing, root = f"{source.dataset} has no file", f"datasets/{source.dataset}@{commit}"
            system = HfFileSystem()
            filling, found = _first(
                source, language, pivot, source.files, lambda name: sorted(system.glob(f"{root}/{name}")), missing
            )
            where, options = f"{source.dataset}/{filling(source.files)}", {"split": "train"}
            options["data_files"] = [f"hf://{path}" for path in found]
            arguments: tuple[str | None, ...] = (_builder(source, found[0]),)
        else:
            filling, subset = next(source.fillings(language, pivot)), source.subset
            if subset and "{" in subset:
                names, missing = get_dataset_config_names(source.dataset, revision=commit), "has no subset"
                filling, subset = _first(
                    source, language, pivot, subset, lambda name: name in names and name, f"{source.dataset} {missing}"
                )
            where = f"{source.dataset}{f' ({subset})' if subset else ''}"
            arguments, options = (source.dataset, subset), {"revision": commit, "split": source.split}

    def rows() -> Iterator[dict[str, Any]]:
        with _explained(source):
            yield from load_dataset(*arguments, streaming=True, **options)

    return Opened(where, rows, filling, commit)


def _builder(source: Source, name: str) -> str:
    path = PurePosixPath(name)
    suffix = path.with_suffix("").suffix if path.suffix in (".gz", ".xz", ".zst", ".bz2") else path.suffix
    if suffix not in _BUILDERS:
        raise DataError(
            f"source {source.name}: expected files that end in {' '.join(_BUILDERS)}, also compressed, "
            f"found {path.name}"
        )
    return _BUILDERS[suffix]


@contextlib.contextmanager
def _explained(source: Source) -> Iterator[None]:
    """Turn exceptions of the Hub's clients into errors of one line."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        told = (str(error).strip() or repr(error)).splitlines()[0]
        name = f"source {source.name}: the data set {source.dataset}"
        if isinstance(error, DatasetNotFoundError) or (
            isinstance(error, HfHubHTTPError) and error.response.status_code in (401, 403, 404)
        ):
            why = f"{name} does not exist, or you must first accept its terms and log in (hf auth login): {told}"
        elif isinstance(error, RuntimeError) and "scripts" in told:
            why = f"{name} needs a loading script, and none is ever run: name its files under 'files'"
        else:
            why = f"{name} cannot be read ({told}): check the network and start again; finished sources are kept"
        raise DataError(why) from error
