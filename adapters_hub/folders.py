"""Folders on disk: write them atomically, and never read outside them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from huggingface_hub.constants import HF_HUB_CACHE
from safetensors import SafetensorError

from adapters_hub.durable import put_in_place, sync, unfinished
from adapters_hub.errors import AdaptersHubError, ModuleFormatError

_CHUNK = 1 << 20


def cache_folder() -> Path:
    """The folder for everything that can be made again: `modular-sentence-encoders` in the user's cache.

    `$MSE_CACHE` names another folder. The user's cache is `$XDG_CACHE_HOME`, or `~/.cache` if that is not set, is
    empty or is not an absolute path, as the XDG Base Directory Specification says.

    Raises:
        AdaptersHubError: neither variable names a folder, and there is no home folder.
    """
    if own := os.environ.get("MSE_CACHE"):
        return Path(own)
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():
        try:
            cache = Path.home() / ".cache"
        except RuntimeError as error:
            raise AdaptersHubError("there is no home folder for the cache: set MSE_CACHE to a folder") from error
    return cache / "modular-sentence-encoders"


@contextlib.contextmanager
def write_folder(target: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `target`; on a clean exit rename it to `target`, on an error delete it.

    No reader ever sees half a folder, nor, where the system can exchange two names, a moment without one. What a
    killed process leaves behind starts with a dot and is ignored; the next process that writes there deletes it.

    Raises:
        AdaptersHubError: `target` exists, or the disk cannot take it (full, read-only).
    """
    target = Path(target)
    if target.exists() and not replace:
        raise AdaptersHubError(f"{target} exists already: delete it, choose another folder or ask to overwrite")
    with write_file(target, replace=replace) as folder:
        folder.mkdir()
        yield folder
        _open_to_readers(folder)


@contextlib.contextmanager
def write_file(target: Path, *, replace: bool = True) -> Iterator[Path]:
    """Give a place beside `target` to write a file; on a clean exit rename it to `target`, on an error delete it.

    Readers see the whole old content or the whole new content.

    Raises:
        AdaptersHubError: the disk cannot take it.
    """
    with contextlib.ExitStack() as stack:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            path = stack.enter_context(unfinished(target))
        except OSError as error:
            raise AdaptersHubError(
                f"{target} was not written (cannot write beside it: {error.strerror or error})"
            ) from error
        try:
            yield path
            sync(path)
            put_in_place(path, target, replace=replace)
        except (OSError, SafetensorError) as error:  # safetensors raises its own exception for a full disk
            raise AdaptersHubError(
                f"{target} was not written ({getattr(error, 'strerror', None) or error}); "
                "what stood there before is untouched"
            ) from error


def _open_to_readers(folder: Path) -> None:
    """Set the modes that the umask allows: temporary folders and safetensors files are made for their owner alone."""
    mask = _umask()
    for path in (folder, *folder.rglob("*")):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


FileState = tuple[int, int, int]
"""Inode, size in bytes and modification time in ns: they change when a file is replaced or written to."""


def file_state(path: Path) -> FileState | None:
    """The state of a file; None if it does not exist."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def walk(folder: Path, most: int = 10_000) -> Iterator[Path]:
    """Yield everything below a folder, at any depth, except folders; links and special files are included.

    Raises:
        ModuleFormatError: the folder cannot be read, or holds more than `most` files and folders.
    """
    waiting, count = [folder], 0
    while waiting:
        try:
            entries = sorted(waiting.pop().iterdir())
        except OSError as error:
            raise ModuleFormatError(f"{folder} cannot be read: {error.strerror or error}") from error
        for path in entries:
            count += 1
            if count > most:
                raise ModuleFormatError(f"{folder} holds over {most} files and folders: it is not a module")
            if path.is_dir() and not path.is_symlink():
                waiting.append(path)
            else:
                yield path


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, streamed, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def inner_path(folder: Path, name: str) -> Path:
    """`folder / name` for a name read from a manifest.

    It follows only the symbolic links that the Hub's client makes in its cache, where commits share files.

    Raises:
        ModuleFormatError: the name is absolute, leaves the folder or goes through any other symbolic link.
    """
    pure = PurePosixPath(name)
    if not name or pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name:
        raise ModuleFormatError(f"{folder}: the file name {name!r} leaves the module folder: do not use this module")
    path = folder
    for part in pure.parts:
        path = path / part
        if path.is_symlink() and not _is_of_the_hubs_cache(path):
            raise ModuleFormatError(f"{folder}: {name!r} is a symbolic link: a module holds plain files only")
    return path


def _is_of_the_hubs_cache(link: Path) -> bool:
    """Whether the Hub's client made a link in its cache.

    Only the client writes to its configured cache, so any link to a file is accepted there. A cache in another place
    is recognised by the documented layout: `models--…/snapshots/COMMIT/NAME` leads to a file in `blobs` of that cache.
    """
    try:
        target, place = link.resolve(), link.parent.resolve()
    except (OSError, RuntimeError):  # the link leads to itself
        return False
    if not target.is_file():
        return False
    if place.is_relative_to(Path(HF_HUB_CACHE).resolve()):
        return True
    caches = [parent.parents[1].resolve() for parent in link.absolute().parents if parent.name == "snapshots"]
    return any(target.is_relative_to(cache) and "blobs" in target.relative_to(cache).parts for cache in caches)


def write_text(path: Path, text: str) -> None:
    """Write a small file by `write_file`."""
    with write_file(path) as file:
        file.write_text(text, encoding="utf-8")


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name by a hard link, or copy it where the file system cannot link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source.resolve())
    except OSError:
        shutil.copyfile(source, target)
