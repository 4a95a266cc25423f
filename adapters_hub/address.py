"""`org/name[@revision]`: where a module lies on a hub."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from adapters_hub.errors import AdaptersHubError

# As the Hub has names; so what a folder that acts as a hub takes can move there, and is a folder name everywhere.
_PART = r"[A-Za-z0-9](?:[\w.-]*\w)?"
_REPO = re.compile(rf"(?!.*(?:--|\.\.|\.git$))(?=.{{3,96}}$){_PART}/{_PART}", re.ASCII)
_AUTHOR = re.compile(_PART, re.ASCII)
_REVISION = re.compile(rf"(?!.*\.\.){_PART}(?:/{_PART})*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Address:
    """A repo, and a branch, tag or commit of it; None stands for the newest commit of `main`."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a whole commit id, whose content never changes."""
        return self.revision is not None and bool(_COMMIT.fullmatch(self.revision))

    @classmethod
    def parse(cls, text: str) -> Address | None:
        """The address that a text is, or None."""
        repo, at, revision = text.partition("@")
        if not _REPO.fullmatch(repo) or (at and not _REVISION.fullmatch(revision)):
            return None
        return cls(repo, revision or None)


def check_author(name: str) -> str:
    """Return the name of a user or organisation.

    Raises:
        AdaptersHubError: nobody on a hub can be called that.
    """
    if not _AUTHOR.fullmatch(name):
        raise AdaptersHubError(f"{name!r} is not the name of a user or an organisation: expected the org of org/name")
    return name


def locate(source: str | os.PathLike[str] | Address) -> Path | Address:
    """What a text stands for: a folder if there is one, else an address if it looks like one, else a path.

    A `Path` is always a path, an `Address` always an address.
    """
    if isinstance(source, Address):
        return source
    if isinstance(source, str) and not Path(source).is_dir():
        return Address.parse(source) or Path(source)
    return Path(source)
