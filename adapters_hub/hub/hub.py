"""What a hub can do, whichever it is: name a commit, list and give files, take a push, find modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from adapters_hub.address import Address
from adapters_hub.errors import AdaptersHubError


class HubError(AdaptersHubError):
    """A hub does not have something, does not let one have it, or cannot be reached."""


class HubUnreachableError(HubError):
    """A hub did not answer."""


@dataclass(frozen=True)
class Snapshot:
    """A commit of a repo.

    Attributes:
        repo: `org/name`.
        commit: 40 hexadecimal digits.
        files: name to size in bytes.
        digests: name to what the hub says of the content: its SHA-256, or what git calls it; empty if nothing is
            copied from the hub.
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
        commit: the newest.
        modified: when, ISO 8601.
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
        commit: the newest after it.
        changed: whether that commit is of this push; otherwise the repo held the same files already.
        url: a page or folder to look at.
    """

    repo: str
    commit: str
    changed: bool
    url: str


class Hub(Protocol):
    """The Hugging Face Hub, or a folder that stands in for it."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def snapshot(self, address: Address) -> Snapshot:
        """The commit that an address means now.

        Raises:
            HubUnreachableError: the hub does not answer.
            HubError: there is no such repo or revision, or it is private.
        """
        ...

    def fetch(self, snapshot: Snapshot, names: Sequence[str]) -> Path:
        """A folder that holds at least these files of a commit, each of them whole.

        Manifest and card, which nothing else vouches for, are what the hub says they are.

        Raises:
            HubUnreachableError: the hub does not answer.
        """
        ...

    def cached(self, address: Address) -> tuple[Path, str] | None:
        """The folder with what was fetched of an address before, and its commit; asks nobody."""
        ...

    def remember(self, address: Address, commit: str) -> None:
        """Note that a commit was fetched whole, as what an address meant."""
        ...

    def mend(self, snapshot: Snapshot) -> bool:
        """Fetch again, of what was fetched of a commit, the files that are not the hub's; whether there were any.

        Raises:
            HubUnreachableError: the hub does not answer.
        """
        ...

    def push(
        self, repo: str, files: Mapping[str, Path | bytes], *, private: bool, revision: str | None, message: str
    ) -> Pushed:
        """Make a repo hold these files, in one commit.

        What else a module may consist of is deleted from it; other files stay.

        Raises:
            HubError: it may not be written, or cannot be reached.
        """
        ...

    def search(self, *, author: str | None, tags: Sequence[str]) -> list[Listing]:
        """The repos that have all these tags.

        Raises:
            HubUnreachableError: the hub does not answer.
        """
        ...
