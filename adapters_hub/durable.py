"""Crash-safe writing: temporary folders that are removed after a kill, and renames that a power cut does not undo."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

_LOCK = "lock"
_REPLACED = "replaced"
_AT_FDCWD, _EXCHANGE = -100, 2  # constants of Linux's renameat2; macOS's RENAME_SWAP is 2 too
_looked_at: set[Path] = set()


@contextlib.contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Give a place to write `target`, in a hidden folder beside it that is deleted when the context ends.

    The folder is locked while its process lives. The next process that writes there deletes what a killed one left.

    Yields:
        A path in that folder, with the target's name; nothing exists there yet.
    """
    if target.parent not in _looked_at:
        remove_leftovers(target.parent)
        _looked_at.add(target.parent)
    folder, lock = _locked_folder(target)
    try:
        yield folder / target.name
    finally:
        _delete(folder)
        lock.release()


def remove_leftovers(folder: Path) -> None:
    """Delete what killed processes have left in a folder.

    A target that a killed process had moved away and not yet replaced is put back.
    """
    for found in folder.glob(".*.unfinished"):
        # Folders of living processes and of other users stay, and so do all where the file system cannot lock.
        with contextlib.suppress(OSError, Timeout, NotImplementedError):
            if not (found / _LOCK).is_file():
                found.rmdir()  # killed before it was locked; anything with content is not ours
                continue
            with FileLock(found / _LOCK).acquire(blocking=False):
                for replaced in (found / _REPLACED).glob("*"):
                    if not (folder / replaced.name).exists():
                        replaced.rename(folder / replaced.name)
                _delete(found)


def put_in_place(finished: Path, target: Path, *, replace: bool = True) -> None:
    """Rename a path that `unfinished` has given to its target; on an error, the old target stays.

    Where the system can exchange two names, the target exists at every moment.

    Raises:
        OSError: the system refuses, or the target is a folder and `replace` is False.
    """
    try:
        finished.replace(target)
    except OSError:  # a folder cannot be renamed to one with content
        if not (replace and finished.is_dir() and target.is_dir()):
            raise
        if not _exchange(finished, target):
            _replace_in_two_steps(finished, target)
    _sync_folder(target.parent)


def sync(path: Path) -> None:
    """Flush a file, or a folder with everything in it, to disk."""
    if path.is_symlink():
        return
    if not path.is_dir():
        _sync_file(path)
        return
    for inner in path.iterdir():
        sync(inner)
    _sync_folder(path)


def _locked_folder(target: Path) -> tuple[Path, FileLock]:
    while True:
        made = tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent)
        lock = FileLock(Path(made) / _LOCK)
        # Another process may delete the new folder as a leftover in the moment before it is locked.
        with contextlib.suppress(Timeout, FileNotFoundError):
            with contextlib.suppress(NotImplementedError):
                lock.acquire(blocking=False)
            if Path(made).exists():
                return Path(made), lock
            lock.release()


def _delete(folder: Path) -> None:
    """Delete the folder, its lock last: a folder with content but without a lock is not recognised as a leftover."""
    with contextlib.suppress(OSError):
        for inner in folder.iterdir():
            if inner.is_dir() and not inner.is_symlink():
                shutil.rmtree(inner, ignore_errors=True)
            elif inner.name != _LOCK:
                inner.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _replace_in_two_steps(finished: Path, target: Path) -> None:
    replaced = finished.parent / _REPLACED / target.name  # `remove_leftovers` puts it back after a kill
    replaced.parent.mkdir()
    target.rename(replaced)
    try:
        finished.rename(target)
    except OSError:
        replaced.rename(target)
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step, where the system and the file system can; return whether they did."""
    libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform in ("linux", "darwin") else None
    names = os.fsencode(one), os.fsencode(other)
    if hasattr(libc, "renameat2"):
        done = libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE) == 0
    else:
        done = hasattr(libc, "renamex_np") and libc.renamex_np(*names, _EXCHANGE) == 0
    return bool(done)


def _sync_file(path: Path) -> None:
    number = os.open(path, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _sync_folder(path: Path) -> None:
    with contextlib.suppress(OSError):  # not every system can open a folder, nor every file system sync one
        _sync_file(path)
