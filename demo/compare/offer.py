"""The owner's offer: the modules and revisions that visitors may use."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence

from adapters_hub.address import Address
from adapters_hub.hub import Hub, find_modules
from adapters_hub.hub.local import LocalHub
from demo.limits.errors import DemoError
from demo.limits.settings import Settings

_WILD = set("*?[")


class Offer:
    """The modules that visitors may use: those that the owner lists, all of a folder, or all of an open hub.

    Args:
        settings: settings of the demo.
        hub: the hub that has the modules.

    Raises:
        DemoError: the owner lists none, and the hub is not a folder.
    """

    def __init__(self, settings: Settings, hub: Hub) -> None:
        self._listed, self._open, self._hub = settings.modules, settings.open_hub, hub
        self._is_folder = isinstance(hub, LocalHub)
        if not (self._listed or self._open or self._is_folder):
            raise DemoError("no modules: list some with --module org/name, or let visitors reach all with --open-hub")

    def addresses(self) -> Iterator[tuple[Address, bool]]:
        """The addresses of the modules to list, and whether the owner names each exactly, not by a pattern.

        Raises:
            DemoError: a name is not an address.
            HubError: the hub cannot be reached.
        """
        patterns = [name for name in self._listed if _WILD & set(name)]
        for name in self._listed:
            if name not in patterns:
                if (address := Address.parse(name)) is None:
                    raise DemoError(f"expected org/name[@revision] or a pattern such as org/*, found {name!r}")
                yield address, True
        if patterns or (self._is_folder and not self._listed):
            owners = {name.partition("/")[0] for name in patterns}
            authors: Sequence[str | None] = sorted(owners) if owners and not _WILD & set("".join(owners)) else [None]
            for author in authors:
                for listing in find_modules(author=author, hub=self._hub):
                    if self.allows(listing.repo):
                        yield Address(listing.repo, listing.commit or None), False

    def allows(self, repo: str) -> bool:
        """Whether visitors may use a repo, at one revision at least."""
        everything = self._open or (self._is_folder and not self._listed)
        return everything or _matches(repo, (name.partition("@")[0] for name in self._listed))

    def allows_revision(self, address: Address, commit: str) -> bool:
        """Whether visitors may use this revision of a repo that they may use; `commit` is the one that it names.

        On the Hub anybody can add commits to a repo through a pull request: `refs/pr/1`, or the id of such a commit.
        """
        if self._open:
            return True
        if self._listed and not _matches(address.repo, (name for name in self._listed if "@" not in name)):
            return False
        revision = address.revision or ""
        of_a_request = revision.startswith(("refs/", "pr/")) or (revision and commit.startswith(revision.lower()))
        return self._is_folder or not of_a_request


def _matches(repo: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(repo, pattern) for pattern in patterns)
