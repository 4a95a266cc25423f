"""The interface of every hub: resolve a commit, list and fetch files, push, search for modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from adapters_hub.address import Address
from adapters_hub.errors import AdaptersHubError


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


class Hub(Protocol):
    """The Hugging Face Hub, or a folder that stands in for it."""

    @property
    def name(self) -> str:
        """The hub's name, for messages."""
        ...

    def snapshot(self, address: Address) -> Snapshot:
        """Resolve an address to the commit that it means now.

        Raises:
            HubUnreachableError: the hub does not answer.
            HubError: there is no such repo or revision, or it is private.
        """
        ...

    def fetch(self, snapshot: Snapshot, names: Sequence[str]) -> Path:
        """Return a folder that holds at least these files of a commit, each of them whole.

        Manifest and card match the hub's digests, since no manifest has a checksum for them.

        Raises:
            HubUnreachableError: the hub does not answer.
        """
        ...

    def cached(self, address: Address) -> tuple[Path, str] | None:
        """The folder of the files that were fetched for an address before, and their commit; no network is used."""
        ...

    def remember(self, address: Address, commit: str) -> None:
        """Record that an address meant this commit, and that all its files were fetched."""
        ...

    def mend(self, snapshot: Snapshot) -> bool:
        """Refetch the files of a commit whose local copies differ from the hub's; return whether there were any.

        Raises:
            HubUnreachableError: the hub does not answer.
        """
        ...

    def push(
        self, repo: str, files: Mapping[str, Path | bytes], *, private: bool, revision: str | None, message: str
    ) -> Pushed:
        """Make a repo hold these files, in one commit.

        Other files in the repo that a module may consist of are deleted; files that no module consists of stay.

        Raises:
            HubError: the hub denies access to the repo, or cannot be reached.
        """
        ...

    def search(self, *, author: str | None, tags: Sequence[str]) -> list[Listing]:
        """The repos that have all these tags.

        Raises:
            HubUnreachableError: the hub does not answer.
        """
        ...
