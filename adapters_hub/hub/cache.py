"""Copies of modules on this machine, in the cache of the Hub's client."""

from __future__ import annotations

import logging
import re
import urllib.parse
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.constants import ENDPOINT, HF_HOME
from huggingface_hub.utils.sha import git_hash

from adapters_hub.address import Address
from adapters_hub.errors import AdaptersHubError, ModuleFormatError, NewerFormatError
from adapters_hub.folders import sha256, write_text
from adapters_hub.format import FILE_NAME, check_manifest, read_manifest
from adapters_hub.hub.hub import Snapshot, wanted_files

logger = logging.getLogger(__name__)

_SHA256 = 64  # hexadecimal digits


def cached_module(address: Address, *, weights: bool, card: bool) -> tuple[Path, str] | None:
    """What `Hub.fetch_module` returned for an address before; None if the cache does not have all of it."""
    try:
        revision = _record(address).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):  # there is no record, or it is damaged
        revision = ""
    if not Address(address.repo, revision).is_pinned:
        revision = address.revision or "main"
    if (file := cached_file(address.repo, FILE_NAME, revision)) is None:
        return None
    folder = file.parent
    try:
        manifest = read_manifest(folder)
        check_manifest(folder, manifest)
    except NewerFormatError:
        raise
    except ModuleFormatError:
        return None
    whole = all((folder / name).is_file() for name in wanted_files(manifest, weights=weights, card=card))
    return (folder, f"{address.repo}@{folder.name}") if whole else None


def remember(address: Address, commit: str) -> None:
    """Record that an address meant this commit, and that all files of the module were fetched.

    The client's cache does not know which files those are.
    """
    if address.is_pinned:
        return
    try:
        write_text(_record(address), f"{commit}\n")
    except AdaptersHubError as error:  # the module itself is there
        logger.warning("%s; while %s cannot be reached, %s will not be found", error, ENDPOINT, address)


def cached_file(repo: str, name: str, revision: str) -> Path | None:
    """A file in the cache; None if it was never fetched."""
    try:
        file = try_to_load_from_cache(repo, name, revision=revision)
    except (OSError, ValueError):  # the cache cannot be read
        return None
    return Path(file) if isinstance(file, str) else None


def is_whole(path: Path, snapshot: Snapshot, name: str) -> bool:
    """Whether a local copy matches the Hub's digest; True if the Hub gives none."""
    digest = snapshot.digests.get(name)
    try:
        if digest is None or len(digest) == _SHA256:
            return digest is None or sha256(path) == digest
        return git_hash(path.read_bytes()) == digest  # a small file: large ones have a SHA-256
    except OSError:
        return False


def _record(address: Address) -> Path:
    hub = re.sub(r"\W+", "-", ENDPOINT)
    revision = urllib.parse.quote(address.revision or "main", safe="")
    return Path(HF_HOME) / "modular-sentence-encoders" / hub / address.repo / revision
