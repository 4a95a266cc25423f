"""Fetch a module into a folder: only the files that it needs, pinned to a commit."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from adapters_hub.address import Address, locate
from adapters_hub.errors import ModuleFormatError, NewerFormatError
from adapters_hub.folders import inner_path, write_folder
from adapters_hub.format import (
    CARD,
    FILE_NAME,
    AnyManifest,
    read_manifest,
    verify_folder,
)
from adapters_hub.hub.connecting import connect
from adapters_hub.hub.hub import Hub

logger = logging.getLogger(__name__)


class Fetched(NamedTuple):
    """Where a module lies now.

    Attributes:
        folder: the folder with all files of the module.
        address: `org/name@commit` if it came from a hub.
    """

    folder: Path
    address: str | None


def fetch_module(
    source: str | os.PathLike[str] | Address,
    hub: Hub | str | os.PathLike[str] | None = None,
    *,
    weights: bool = True,
    card: bool = False,
) -> Fetched:
    """Return the folder of a module. From a hub, fetch only the files that it needs and that the cache lacks.

    If the hub does not answer, the module is taken from the cache, and its commit is logged.

    Args:
        source: a folder or `org/name[@revision]`.
        hub: see `connect`.
        weights: fetch all files that the module consists of, not only its manifest.
        card: fetch the card too.

    Raises:
        HubError: neither the hub nor the cache has the module.
        ModuleFormatError: the folder does not exist, or the repo holds code or pickles or does not match its manifest.
    """
    place = locate(source)
    if isinstance(place, Address):
        return Fetched(*connect(hub).fetch_module(place, weights=weights, card=card))
    if not place.is_dir():
        raise ModuleFormatError(
            f"there is no module at {place}: expected a folder with {FILE_NAME}, or org/name[@revision]"
        )
    return Fetched(place, None)


def fetch_manifest(
    source: str | os.PathLike[str] | Address, hub: Hub | str | os.PathLike[str] | None = None
) -> tuple[AnyManifest, str | None]:
    """Return a module's manifest and pinned address, without fetching weights; arguments as for `fetch_module`."""
    folder, address = fetch_module(source, hub, weights=False)
    return read_manifest(folder), address


def fetch_checked(
    source: str | os.PathLike[str] | Address,
    hub: Hub | str | os.PathLike[str] | None = None,
    *,
    card: bool = False,
    content: bool = True,
) -> Fetched:
    """Return the folder of a module, after checking its files against its manifest.

    A file that was damaged in transit or in the cache is fetched once more. Arguments as for `fetch_module`; `content`
    also compares the size and SHA-256 of every file, which reads all of them.

    Raises:
        HubError: as for `fetch_module`.
        ModuleFormatError: as for `fetch_module`, or a file does not match the manifest; the message names it.
    """
    fetched = fetch_module(source, hub, card=card)
    try:
        _verify(fetched.folder, content)
    except NewerFormatError:
        raise
    except ModuleFormatError as error:
        address = Address.parse(fetched.address or "")
        if address is None or not connect(hub).mend(address):
            raise
        logger.warning("%s; it was fetched again from the hub", error)
        _verify(fetched.folder, content)
    return fetched


def copy_module(fetched: Fetched, target: str | os.PathLike[str], *, replace: bool = False) -> Path:
    """Copy a module and its card to a folder of its own, whole or not at all.

    Raises:
        AdaptersHubError: the target exists already, or cannot be written.
    """
    manifest = read_manifest(fetched.folder)
    with write_folder(target, replace=replace) as folder:
        for name in (FILE_NAME, CARD, *manifest.needed_files):
            if (source := inner_path(fetched.folder, name)).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, folder / name)
        verify_folder(folder, manifest)
    return Path(target)


def _verify(folder: Path, content: bool) -> None:
    try:
        verify_folder(folder, read_manifest(folder), content=content)
    except OSError as error:
        raise ModuleFormatError(
            f"{error.filename or folder} cannot be read ({error.strerror or error}): fetch the module again"
        ) from error
