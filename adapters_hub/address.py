"""`org/name[@revision]`: where a module lies on a hub."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_PART = r"[A-Za-z0-9][\w.-]{0,95}"
_REPO = re.compile(rf"{_PART}/{_PART}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", re.ASCII)
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
        if not _REPO.fullmatch(repo) or ".." in text or (at and not _REVISION.fullmatch(revision)):
            return None
        return cls(repo, revision or None)


def locate(source: str | os.PathLike[str]) -> Path | Address:
    """What a text stands for: a folder if there is one, else an address if it looks like one, else a path.

    A `Path` is always a path.
    """
    if isinstance(source, str) and not Path(source).is_dir():
        return Address.parse(source) or Path(source)
    return Path(source)
