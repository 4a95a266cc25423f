"""What every hub can do: resolve a commit, fetch a module, push one, search for modules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters_hub.address import Address
from adapters_hub.errors import AdaptersHubError, ModuleFormatError
from adapters_hub.format import (
    CARD,
    FILE_NAME,
    MAX_BYTES,
    Manifest,
    check_manifest,
    check_size,
    read_manifest,
    refuse_what_could_run,
)


class HubError(AdaptersHubError):
    """A hub does not have something, denies access to it, or cannot be reached."""


class HubUnreachableError(HubError):
    """A hub did not answer."""


@dataclass(frozen=True)
class Snapshot:
    """A commit of a repo.

    Attributes:
        repo: `org/name`.
        commit: 40 hexadecimal digits.
        files: name to size in bytes.
        digests: name to the hub's digest of the content, a SHA-256 or a git blob id; empty if nothing is copied from
            the hub.
    """

    repo: str
    commit: str
    files: Mapping[str, int]
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """`org/name@commit`."""
        return f"{self.repo}@{self.commit}"


@dataclass(frozen=True)
class Listing:
    """A module that a search found.

    Attributes:
        repo: `org/name`.
        commit: the newest commit.
        modified: time of the last change, ISO 8601.
        tags: see `adapters_hub.cards.tags_of`.
        private: whether only its owners see it.
    """

    repo: str
    commit: str
    modified: str
    tags: tuple[str, ...]
    private: bool = False


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        repo: `org/name`.
        commit: the newest commit after the push.
        changed: whether the push made that commit; otherwise the repo already held the same files.
        url: the repo's page, or the commit's folder.
    """

    repo: str
    commit: str
    changed: bool
    url: str


class Hub(ABC):
    """The Hugging Face Hub, or a folder that acts as one."""

    name: str
    """The hub's name, for messages."""

    @abstractmethod
    def snapshot(self, address: Address) -> Snapshot:
        """Resolve an address to the commit that it means now.

        Raises:
            HubUnreachableError: the hub does not answer.
            HubError: there is no such repo or revision, or it is private.
        """

    @abstractmethod
    def fetch(self, snapshot: Snapshot, names: Sequence[str]) -> Path:
        """Return a folder that holds at least these files of a commit, each of them whole.

        Manifest and card match the hub's digests, since no manifest has a checksum for them.

        Raises:
            HubUnreachableError: the hub does not answer.
        """

    def fetch_module(self, address: Address, *, weights: bool = True, card: bool = False) -> tuple[Path, str]:
        """Fetch a module, after checking that its commit holds what its manifest lists and nothing that could run.

        Args:
            address: the module's address.
            weights: fetch all files that the module consists of, not only its manifest.
            card: fetch the card too, if there is one.

        Returns:
            A folder that holds these files, and the module's pinned address, `org/name@commit`.

        Raises:
            HubUnreachableError: the hub does not answer.
            HubError: there is no such repo or revision, or it is private.
            ModuleFormatError: the repo holds code or pickles, or does not match its manifest.
        """
        snapshot = self.snapshot(address)
        if FILE_NAME not in snapshot.files:
            raise ModuleFormatError(f"{snapshot.address} is not a module: it has no {FILE_NAME}")
        if snapshot.files[FILE_NAME] > MAX_BYTES:
            raise ModuleFormatError(
                f"{snapshot.address}: {FILE_NAME} has more than {MAX_BYTES} bytes: it is not a manifest"
            )
        refuse_what_could_run(snapshot.files, snapshot.address)
        manifest = read_manifest(self.fetch(snapshot, [FILE_NAME]))
        check_manifest(snapshot.address, manifest)
        for name, file in manifest.files.items():
            if name not in snapshot.files:
                raise ModuleFormatError(f"{snapshot.address}: the file {name!r} is missing: tell its publisher")
            check_size(f"{snapshot.address}: {name!r}", snapshot.files[name], file.size)
        names = wanted_files(manifest, weights=weights, card=card and CARD in snapshot.files)
        return self.fetch(snapshot, names), snapshot.address

    def mend(self, address: Address) -> bool:
        """Fetch damaged local copies of a commit's files again; return whether there were any and the hub answered."""
        return False

    @abstractmethod
    def push(
        self, repo: str, files: Mapping[str, Path | bytes], *, private: bool, revision: str | None, message: str
    ) -> Pushed:
        """Make a repo hold these files, in one commit.

        Other files in the repo that a module may consist of are deleted; files that no module consists of stay.

        Raises:
            HubError: the hub denies access to the repo, or cannot be reached.
        """

    @abstractmethod
    def search(self, *, author: str | None, tags: Sequence[str]) -> list[Listing]:
        """The repos that have all these tags.

        Raises:
            HubUnreachableError: the hub does not answer.
        """


def wanted_files(manifest: Manifest, *, weights: bool, card: bool) -> list[str]:
    """The files to fetch of a module; arguments as for `Hub.fetch_module`."""
    return [FILE_NAME, *(manifest.needed_files if weights else ()), *((CARD,) if card else ())]
