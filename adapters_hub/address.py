"""Addresses of modules on a hub: `org/name[@revision]`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from adapters_hub.errors import AdaptersHubError

# The Hub's rules for names. A folder that acts as a hub follows them too, so that its modules can move to the Hub.
# Every such name is a valid folder name.
_PART = r"[A-Za-z0-9](?:[\w.-]*\w)?"
_REPO = re.compile(rf"(?!.*(?:--|\.\.|\.git$))(?=.{{3,96}}$){_PART}/{_PART}", re.ASCII)
_AUTHOR = re.compile(_PART, re.ASCII)
_REVISION = re.compile(rf"(?!.*\.\.){_PART}(?:/{_PART})*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Address:
    """A repo and a revision: a branch, tag or commit. None stands for the newest commit of `main`."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a full commit id, whose content never changes."""
        return self.revision is not None and bool(_COMMIT.fullmatch(self.revision))

    @classmethod
    def parse(cls, text: str) -> Address | None:
        """The address that a text spells; None if it is not an address."""
        repo, at, revision = text.partition("@")
        if not _REPO.fullmatch(repo) or (at and not _REVISION.fullmatch(revision)):
            return None
        return cls(repo, revision or None)


def check_author(name: str) -> str:
    """Return `name` if it can be the name of a user or an organisation.

    Raises:
        AdaptersHubError: it cannot.
    """
    if not _AUTHOR.fullmatch(name):
        raise AdaptersHubError(f"{name!r} is not the name of a user or an organisation: expected the org of org/name")
    return name


def locate(source: str | os.PathLike[str] | Address) -> Path | Address:
    """Resolve a module's source. A string is a folder if one exists, else an address if it looks like one, else a path.

    A `Path` is always a path, an `Address` always an address.
    """
    if isinstance(source, Address):
        return source
    if isinstance(source, str) and not Path(source).is_dir():
        return Address.parse(source) or Path(source)
    return Path(source)
