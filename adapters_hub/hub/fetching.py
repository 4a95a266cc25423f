"""Fetch a module into a folder: only the files that it needs, pinned to a commit."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from adapters_hub.address import Address, locate
from adapters_hub.errors import ModuleFormatError, NewerFormatError
from adapters_hub.folders import inner_path, write_folder
from adapters_hub.format import (
    CARD,
    FILE_NAME,
    MAX_BYTES,
    AlignmentManifest,
    LanguageModuleManifest,
    check_manifest,
    check_size,
    read_manifest,
    refuse_what_could_run,
    verify_folder,
)
from adapters_hub.hub.connecting import connect
from adapters_hub.hub.hub import Hub, HubError, HubUnreachableError, Snapshot

logger = logging.getLogger(__name__)

AnyManifest = LanguageModuleManifest | AlignmentManifest


class Fetched(NamedTuple):
    """Where a module lies now.

    Attributes:
        folder: the folder with all files of the module.
        address: `org/name@commit` if it came from a hub.
    """

    folder: Path
    address: str | None


def fetch_module(
    source: str | os.PathLike[str] | Address, hub: Hub | str | os.PathLike[str] | None = None, *, card: bool = False
) -> Fetched:
    """Return the folder of a module. From a hub, fetch only the files that it needs and that the cache lacks.

    If the hub does not answer, the module is taken from the cache, and its commit is logged.

    Args:
        source: a folder or `org/name[@revision]`.
        hub: see `connect`.
        card: fetch the card too.

    Raises:
        HubError: neither the hub nor the cache has the module.
        ModuleFormatError: the folder does not exist, or the repo holds code or pickles or does not match its manifest.
    """
    place = locate(source)
    if isinstance(place, Path):
        if not place.is_dir():
            raise ModuleFormatError(
                f"there is no module at {place}: expected a folder with {FILE_NAME}, or org/name[@revision]"
            )
        return Fetched(place, None)
    hub = connect(hub)
    if place.is_pinned and (known := _cached(hub, place, card)):
        return known
    try:
        snapshot = hub.snapshot(place)
        manifest = _fetch_manifest(hub, snapshot)
        extra = [CARD] if card and CARD in snapshot.files else []
        folder = hub.fetch(snapshot, [FILE_NAME, *manifest.needed_files, *extra])
        hub.remember(place, snapshot.commit)
        return Fetched(folder, snapshot.address)
    except HubUnreachableError as error:
        known = _cached(hub, place, card=False)
        if known is None:
            raise HubUnreachableError(f"{error}; and no whole copy of {place} was fetched before") from error
        logger.warning("%s; using what was fetched before: %s", error, known.address)
        return known


def fetch_checked(
    source: str | os.PathLike[str] | Address,
    hub: Hub | str | os.PathLike[str] | None = None,
    *,
    card: bool = False,
    content: bool = True,
) -> Fetched:
    """Return the folder of a module, after checking its files against its manifest.

    A file that was damaged in transit or in the cache is fetched once more.

    Args:
        source: as for `fetch_module`.
        hub: as for `fetch_module`.
        card: as for `fetch_module`.
        content: also compare the size and SHA-256 of every file, which reads all of them.

    Raises:
        HubError: as for `fetch_module`.
        ModuleFormatError: as for `fetch_module`, or a file does not match the manifest; the message names it.
    """
    fetched = fetch_module(source, hub, card=card)

    def verify() -> None:
        try:
            verify_folder(fetched.folder, read_manifest(fetched.folder), content=content)
        except OSError as error:
            raise ModuleFormatError(
                f"{error.filename or fetched.folder} cannot be read ({error.strerror or error}): fetch the module again"
            ) from error

    try:
        verify()
    except NewerFormatError:
        raise
    except ModuleFormatError as error:
        if fetched.address is None or not _mend(fetched.address, connect(hub)):
            raise
        logger.warning("%s; it was fetched again from the hub", error)
        verify()
    return fetched


def fetch_manifest(
    source: str | os.PathLike[str] | Address, hub: Hub | str | os.PathLike[str] | None = None
) -> tuple[AnyManifest, str | None]:
    """Return a module's manifest and pinned address, without fetching weights; arguments as for `fetch_module`."""
    place = locate(source)
    if isinstance(place, Path):
        return read_manifest(fetch_module(source).folder), None
    hub = connect(hub)
    try:
        snapshot = hub.snapshot(place)
        return _fetch_manifest(hub, snapshot), snapshot.address
    except HubUnreachableError as error:
        if (known := _cached_manifest(hub, place)) is None:
            raise HubUnreachableError(f"{error}; and {place} was not fetched before") from error
        manifest, fetched = known
        logger.warning("%s; using what was fetched before: %s", error, fetched.address)
        return manifest, fetched.address


def copy_module(fetched: Fetched, target: str | os.PathLike[str], *, replace: bool = False) -> Path:
    """Copy a module and its card to a folder of its own, whole or not at all.

    Raises:
        AdaptersHubError: the target exists already, or cannot be written.
    """
    manifest = read_manifest(fetched.folder)
    names: Sequence[str] = (FILE_NAME, CARD, *manifest.needed_files)
    with write_folder(target, replace=replace) as folder:
        for name in names:
            if (source := inner_path(fetched.folder, name)).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, folder / name)
        verify_folder(folder, manifest)
    return Path(target)


def _fetch_manifest(hub: Hub, snapshot: Snapshot) -> AnyManifest:
    """Fetch a commit's manifest, and check, before anything large is fetched, that the commit holds its files."""
    if FILE_NAME not in snapshot.files:
        raise ModuleFormatError(f"{snapshot.address} is not a module: it has no {FILE_NAME}")
    if snapshot.files[FILE_NAME] > MAX_BYTES:
        raise ModuleFormatError(
            f"{snapshot.address}: {FILE_NAME} has more than {MAX_BYTES} bytes: it is not a manifest"
        )
    refuse_what_could_run(snapshot.files, snapshot.address)
    manifest = read_manifest(hub.fetch(snapshot, [FILE_NAME]))
    check_manifest(snapshot.address, manifest)
    for name, file in manifest.files.items():
        if name not in snapshot.files:
            raise ModuleFormatError(f"{snapshot.address}: the file {name!r} is missing: tell its publisher")
        check_size(f"{snapshot.address}: {name!r}", snapshot.files[name], file.size)
    return manifest


def _mend(address: str, hub: Hub) -> bool:
    """Refetch files that differ from the hub's; return whether there were any and the hub answered."""
    place = Address.parse(address)
    assert place is not None
    try:
        return hub.mend(hub.snapshot(place))
    except HubError:
        return False


def _cached(hub: Hub, place: Address, card: bool) -> Fetched | None:
    """The module that was fetched for an address before, if the cache has all its files."""
    if (known := _cached_manifest(hub, place)) is None:
        return None
    manifest, fetched = known
    wanted = [*manifest.needed_files, *([CARD] if card else [])]
    return fetched if all((fetched.folder / name).is_file() for name in wanted) else None


def _cached_manifest(hub: Hub, place: Address) -> tuple[AnyManifest, Fetched] | None:
    """The manifest that was fetched for an address before, if it can be read, and its place."""
    if (known := hub.cached(place)) is None:
        return None
    folder, commit = known
    try:
        return read_manifest(folder), Fetched(folder, f"{place.repo}@{commit}")
    except NewerFormatError:
        raise
    except ModuleFormatError:
        return None
